"""Runs all writes of a store in one thread, in order.

SQLite has one writer, and a PostgreSQL store has one connection that appends. The thread starts the
next call at once, before the event loop has processed the last result.

A result wakes the loop through an eventfd, on which a caller waits. That costs less than
`TrioToken.run_sync_soon`, and much less than `trio.to_thread.run_sync`
(docs/explanation/store.md has the figures).
"""

import os
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

import outcome
import trio
from attrs import define, field

from trio_chat.errors import Outage
from trio_chat.store.breaker import LIMIT_SECONDS, TOO_SLOW

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


@define(eq=False)
class _Call:
    """A call of the thread.

    Attributes:
        began_at: The start of the wait, on Trio's clock.
        result: Empty until the call has ended. The caller removes the result, so that an exception
            does not refer to itself through its traceback.
        is_abandoned: Whether the caller no longer waits.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    began_at: float
    result: list[outcome.Outcome[Any]] = field(factory=list, init=False)
    is_abandoned: bool = field(default=False, init=False)


class WriterThread:
    """Runs calls in one thread, in order, until `close`.

    The thread is a daemon: a call that never returns does not keep the process alive.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._is_closed = False
        self._landed = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable when the thread has results."""
        # The thread and each waiting caller refer to this object: the last of them closes it.
        weakref.finalize(self, os.close, self._landed).atexit = False
        self._is_polled = False
        """Whether a caller waits for the eventfd; the other callers wait for that one."""
        self._others = trio.lowlevel.ParkingLot()
        self._limited: dict[_Call, None] = {}
        """The calls that `limit_calls` may abandon, oldest first."""
        threading.Thread(target=self._run, name="store writer", daemon=True).start()

    async def call(
        self,
        function: Callable[[*_Arguments], _Result],
        *arguments: *_Arguments,
        is_limited: bool = False,
    ) -> _Result:
        """Call a function in the thread, and return its result or raise its exception.

        A cancellation withdraws a call that has not begun. The thread completes any other call,
        and its result is lost.

        Args:
            function: The function.
            arguments: Its arguments.
            is_limited: Whether to wait at most `LIMIT_SECONDS` while `limit_calls` runs.

        Raises:
            Outage: The time is over. The call continues like a cancelled one.
            trio.ClosedResourceError: The thread has ended, or is about to end.
        """
        # One coroutine, since the loop resumes each of a chain of them.
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_closed:
            raise trio.ClosedResourceError
        call = _Call(function, arguments, trio.current_time())
        if is_limited:
            self._limited[call] = None
        self._calls.put(call)
        try:
            while True:
                if self._is_polled:
                    await self._others.park()
                else:
                    self._is_polled = True
                    try:
                        await trio.lowlevel.wait_readable(self._landed)
                        os.eventfd_read(self._landed)
                    finally:
                        self._is_polled = False
                        if self._others:
                            self._others.unpark_all()
                if call.result:
                    result: _Result = call.result.pop().unwrap()
                    return result
        finally:
            call.is_abandoned = True
            if is_limited:
                del self._limited[call]

    async def limit_calls(self) -> None:
        """Abandon each limited call that takes too long, until cancelled.

        One timer for all calls costs less than a cancel scope for each.
        """
        while True:
            began_at = next((call.began_at for call in self._limited), trio.current_time())
            await trio.sleep_until(began_at + LIMIT_SECONDS)
            latest = trio.current_time() - LIMIT_SECONDS
            for call in self._limited:
                if call.began_at <= latest and not call.result:
                    call.is_abandoned = True
                    call.result.append(outcome.Error(Outage(TOO_SLOW)))
                    os.eventfd_write(self._landed, 1)

    async def close(self) -> None:
        """Wait until all calls have ended, and end the thread.

        After a cancellation the thread still completes its calls and returns their results, except
        for cancelled ones, and then ends.
        """
        try:
            await self.call(_do_nothing)
        finally:
            self._is_closed = True
            self._calls.put(None)

    # --- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call.is_abandoned:
                call.result.append(outcome.capture(call.function, *call.arguments))
                os.eventfd_write(self._landed, 1)
            del call  # an idle thread must not keep it


def _do_nothing() -> None:
    """Return at once."""

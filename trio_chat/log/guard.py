"""Keeps a log that is out of reach from holding up anybody: a time limit, and a circuit breaker.

The breaker is *closed* while the log is well. The first call that fails, or does not end in time,
opens it: from then on every call is refused at once, while one probe at a time tries whether the
log can be read and written again. The first that succeeds closes it. So an outage costs those who
call some seconds once, not each time, and a log that comes back is not run over by all who wait.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar, TypeVarTuple

import structlog
import trio

from trio_chat.errors import DamagedData, HistoryReplaced, Outage
from trio_chat.log.base import AppendNow, Commit, Log, Mark, Page, Stand
from trio_chat.metrics import Metrics
from trio_chat.protocol.events import Draft

_log = structlog.get_logger(__name__)

LIMIT_SECONDS: Final = 5.0
"""Longest that a call may take. A commit takes milliseconds, and a busy disk a second or two; a
person who has sent a message wonders after five."""

FIRST_PAUSE_SECONDS: Final = 0.25
"""Before the first probe: most outages are a lock or a reconnect, and over by then."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two probes: who waits for a database to start waits no more than this on top."""

STEADY_SECONDS: Final = 10.0
"""An outage that comes sooner than this after the last one goes on with its pauses: a log that
fails as soon as it is used (a disk that has room for the probe, and for nothing else) is not tried,
and not told about, four times a second."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class GuardedLog:
    """A log that answers within seconds, whatever becomes of it. Satisfies `Log`.

    `run` has to run as long as it is used: nothing else closes the breaker.

    Args:
        log: The log that is guarded; its calls have to heed a cancellation.
        metrics: Outages, failures and the time of appends go here.
        probe: Does what shows that the log can be used: it reads, and writes something that
            nobody sees. Raises `Outage` if it can't be.
        uniform: `random.uniform`; so that servers that lost one database together don't come back
            to it together.
    """

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        *,
        probe: Callable[[], Awaitable[object]],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._probe = probe
        self._uniform = uniform
        self._trouble: str | None = None
        self._opened = trio.Event()
        self._changed_at = -STEADY_SECONDS
        """When the breaker was last opened or closed."""
        self._pause = FIRST_PAUSE_SECONDS
        self._life = 0
        """How often the log has come back."""

    @property
    def trouble(self) -> str | None:
        """Why the log is out of reach, in a few words for people; None while it is well."""
        return self._trouble

    async def run(self) -> None:
        """Probe while the breaker is open, and close it, until cancelled."""
        while True:
            await self._opened.wait()
            while not await self._has_come_back():
                self._wait_longer()
            self._close()

    async def call(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Make any call of the guarded log under the limit and the breaker.

        Raises:
            HistoryReplaced: The log says so; that is no failure.
            Outage: It failed, did not end in time, or the breaker is open. In the last case the
                log has not been asked.
        """
        if self._trouble is not None:
            await trio.lowlevel.checkpoint()
            raise Outage(self._trouble)
        life = self._life
        try:
            return await _in_time(function, *arguments)
        except HistoryReplaced:
            raise  # the log is well
        except DamagedData:
            # The log itself is well. An open breaker would stop everybody else.
            self._metrics.log_failures.count += 1
            raise
        except Outage as outage:
            self._metrics.log_failures.count += 1
            # What began before the log came back says nothing about how it is now.
            if life == self._life and self._trouble is None:
                self._open(str(outage))
            raise

    # --- as `Log` has it --------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        """The identity of the guarded log's history."""
        return self._log.epoch

    @property
    def append_now(self) -> AppendNow | None:
        """Of the guarded log: what never waits needs no guard."""
        return self._log.append_now

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Commit a batch. Whether it was is unknown after an `Outage`, as of any log."""
        began = trio.current_time()
        commit = await self.call(self._log.append, drafts, marks)
        self._metrics.log_append_seconds.observe(trio.current_time() - began)
        return commit

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read backwards."""
        return await self.call(self._log.read_before, room, before, limit)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read forwards."""
        return await self.call(self._log.read_after, room, after, limit)

    async def stands(self, rooms: Collection[str]) -> Mapping[str, Stand]:
        """How far these rooms have come."""
        return await self.call(self._log.stands, rooms)

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Up to where these users have read."""
        return await self.call(self._log.marks, room, users)

    async def take_new_epoch(self, known: str) -> str:
        """Declare that the history was replaced."""
        return await self.call(self._log.take_new_epoch, known)

    async def forget(self, room: str) -> None:
        """Let a room go. It never reaches for anything, so it is not guarded either."""
        await self._log.forget(room)

    # --- inside -----------------------------------------------------------------------------------

    def _open(self, reason: str) -> None:
        now = trio.current_time()
        if now - self._changed_at >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            self._wait_longer()
        self._trouble = reason
        self._changed_at = now
        self._opened.set()
        self._metrics.log_outages.count += 1
        _log.error("log out of reach", reason=reason)

    def _wait_longer(self) -> None:
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    async def _has_come_back(self) -> bool:
        await trio.sleep(self._uniform(self._pause / 2, self._pause))
        try:
            await _in_time(self._probe)
        except HistoryReplaced:
            return True
        except Outage as outage:
            self._trouble = str(outage)
            return False
        return True

    def _close(self) -> None:
        now = trio.current_time()
        _log.info("log in reach again", seconds=round(now - self._changed_at, 3))
        self._trouble = None
        self._changed_at = now
        self._life += 1
        self._opened = trio.Event()


async def _in_time(
    function: Callable[[*_Arguments], Awaitable[_Result]], *arguments: *_Arguments
) -> _Result:
    with trio.move_on_after(LIMIT_SECONDS):
        return await function(*arguments)
    raise Outage(f"it did not answer within {LIMIT_SECONDS:g} s")

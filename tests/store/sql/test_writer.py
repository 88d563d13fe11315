"""The writer thread: order, results, cancellation, end."""

import gc
import os
import threading
import traceback
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.store.sql.gate import PATIENCE_SECONDS, Gate
from trio_chat.errors import Outage
from trio_chat.store.breaker import LIMIT_SECONDS
from trio_chat.store.sql.writer import WriterThread


@pytest.fixture
async def writer() -> AsyncIterator[WriterThread]:
    writer = WriterThread()
    try:
        yield writer
    finally:
        with trio.CancelScope(shield=True):
            await writer.close()


async def call_seven(writer: WriterThread, results: list[int]) -> None:
    results.append(await writer.call(int, "7"))


async def test_one_thread_runs_the_calls_in_order(writer: WriterThread) -> None:
    ran: list[tuple[int, str]] = []
    results: dict[int, int] = {}

    def note(number: int) -> int:
        ran.append((number, threading.current_thread().name))
        return 10 * number

    async def call(number: int) -> None:
        results[number] = await writer.call(note, number)

    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.call, gate)
        await gate.has_begun()
        for number in range(5):
            nursery.start_soon(call, number)
            await wait_all_tasks_blocked()
        gate.is_open.set()
    assert ran == [(number, "store writer") for number in range(5)]
    assert results == {number: 10 * number for number in range(5)}


async def test_the_next_call_begins_without_the_event_loop(writer: WriterThread) -> None:
    first, second = Gate(), Gate()
    async with trio.open_nursery() as nursery:
        for gate in (first, second):
            nursery.start_soon(writer.call, gate)
            await wait_all_tasks_blocked()
        # From here on this task does not let the loop go on.
        first.is_open.set()
        assert second.begun.wait(PATIENCE_SECONDS)
        second.is_open.set()


async def test_an_exception_reaches_the_caller_with_its_traceback(writer: WriterThread) -> None:
    def fail() -> None:
        raise ZeroDivisionError("wrong")

    with pytest.raises(ZeroDivisionError, match="wrong") as failure:
        await writer.call(fail)
    assert traceback.extract_tb(failure.value.__traceback__)[-1].name == "fail"
    assert await writer.call(int, "7") == 7


class Weak:
    """A target of weak references."""


async def test_an_exception_causes_no_reference_cycle(writer: WriterThread) -> None:
    seen: list[weakref.ref[Weak]] = []

    def fail_with(thing: Weak) -> None:
        seen.append(weakref.ref(thing))
        raise ZeroDivisionError(thing)

    async def call() -> None:
        with suppress(ZeroDivisionError):
            await writer.call(fail_with, Weak())

    gc.disable()
    try:
        await call()
        await writer.call(int)  # by then the thread has let go of the call before
        assert seen[0]() is None
    finally:
        gc.enable()


async def test_an_idle_thread_keeps_nothing_of_the_last_call(writer: WriterThread) -> None:
    kept = weakref.ref(await writer.call(lambda thing: thing, Weak()))
    with trio.fail_after(PATIENCE_SECONDS):
        while kept() is not None:
            await trio.lowlevel.checkpoint()  # until the thread waits again


async def test_a_cancellation_withdraws_only_a_call_that_has_not_begun(
    writer: WriterThread,
) -> None:
    gate, ran, results = Gate(), list[str](), list[int]()
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as cancelled:
            cancelled.start_soon(writer.call, gate)
            await gate.has_begun()
            with trio.CancelScope() as scope:
                scope.cancel()
                await writer.call(ran.append, "cancelled before the call")
            assert scope.cancelled_caught
            assert writer._calls.empty()
            cancelled.start_soon(writer.call, ran.append, "cancelled in the queue")
            for _ in range(2):
                nursery.start_soon(call_seven, writer, results)
            nursery.start_soon(writer.call, ran.append, "behind")
            await wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
        assert not gate.ended.is_set()
        gate.is_open.set()
        # The abandoned result wakes no caller too early.
        assert await writer.call(int, "8") == 8
        assert gate.ended.is_set()
    assert (ran, results) == (["behind"], [7, 7])


async def test_a_slow_call_and_the_call_behind_it_fail_in_time(
    writer: WriterThread, mock_clock: MockClock
) -> None:
    gate, ran, given_up_at = Gate(), list[str](), list[float]()

    async def call_late(function: Callable[[], object]) -> None:
        with pytest.raises(Outage, match="it did not answer within 5 s"):
            await writer.call(function, is_limited=True)
        given_up_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.limit_calls)
        async with trio.open_nursery() as late:
            late.start_soon(call_late, gate)
            await gate.has_begun()
            mock_clock.jump(1)
            late.start_soon(call_late, partial(ran.append, "behind"))
            # It has no limit.
            nursery.start_soon(writer.call, ran.append, "last")
            for seconds in (LIMIT_SECONDS - 1, 1):
                await wait_all_tasks_blocked()
                mock_clock.jump(seconds)
        gate.is_open.set()
        assert await writer.call(int, "7", is_limited=True) == 7
        nursery.cancel_scope.cancel()
    assert given_up_at == [5.0, 6.0]
    assert ran == ["last"]


async def begin_and_cancel(writer: WriterThread, gate: Gate) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.call, gate)
        await gate.has_begun()
        nursery.cancel_scope.cancel()


async def test_close_waits_for_a_cancelled_call() -> None:
    gate, writer = Gate(), WriterThread()
    await begin_and_cancel(writer, gate)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.close)
        await wait_all_tasks_blocked(0.01)  # until the writer waits for its end
        assert not gate.ended.is_set()
        gate.is_open.set()
    assert gate.ended.is_set()
    with pytest.raises(trio.ClosedResourceError):
        await writer.call(int)


async def test_a_cancelled_close_lets_the_thread_end_with_its_call() -> None:
    gate, writer = Gate(), WriterThread()
    await begin_and_cancel(writer, gate)
    with trio.move_on_after(0) as scope:
        await writer.close()
    assert scope.cancelled_caught
    assert not gate.ended.is_set()
    gate.is_open.set()
    assert gate.thread is not None
    await trio.to_thread.run_sync(gate.thread.join, PATIENCE_SECONDS)
    assert not gate.thread.is_alive()


async def test_a_caller_gets_its_result_after_the_end_of_the_thread() -> None:
    gate, results, writer = Gate(), list[int](), WriterThread()
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.call, gate)
            await gate.has_begun()
            for _ in range(2):
                nursery.start_soon(call_seven, writer, results)
            await wait_all_tasks_blocked()
            with trio.move_on_after(0):
                await writer.close()
            # From here on this task does not let the loop go on.
            gate.is_open.set()
            assert gate.thread is not None
            gate.thread.join(PATIENCE_SECONDS)
            os.fstat(writer._landed)  # the callers still wait for it
    assert results == [7, 7]
    landed = writer._landed
    del writer
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(landed)


def test_the_thread_survives_the_event_loop() -> None:
    gate, writer = Gate(), WriterThread()
    trio.run(begin_and_cancel, writer, gate)
    gate.is_open.set()
    assert gate.ended.wait(PATIENCE_SECONDS)
    # The thread is as good as before.
    trio.run(writer.close)

# ruff: noqa: ARG001 - a clock works by being requested
"""The timer wheel."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from attrs import define, field
from trio.testing import MockClock

from trio_chat.websocket.timers import TimerWheel


@define(eq=False)
class Patient:
    """A timer that is due every `every` seconds; `calls` has the times of its calls."""

    every: float
    calls: list[float] = field(factory=list)
    over: trio.Event = field(factory=trio.Event)
    returned: bool = False
    on_call: Callable[[], object] = lambda: None

    def beat(self, now: float) -> float:
        self.calls.append(now)
        self.on_call()
        return now + self.every

    async def run_until(self, timers: TimerWheel) -> None:
        await timers.run_until(self.over, self.beat)
        self.returned = True


@asynccontextmanager
async def attended(*patients: Patient) -> AsyncIterator[TimerWheel]:
    timers = TimerWheel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        for patient in patients:
            nursery.start_soon(patient.run_until, timers)
        await trio.testing.wait_all_tasks_blocked()
        yield timers
        nursery.cancel_scope.cancel()


async def test_callback_runs_at_once_and_when_due(autojump_clock: MockClock) -> None:
    slow, fast = Patient(every=30), Patient(every=12.5)
    async with attended(slow, fast):
        await trio.sleep(45)
        assert slow.calls == [0, 30]
        assert fast.calls == [0, 12.5, 25, 37.5]


async def test_callbacks_run_at_the_end_of_their_quarter(autojump_clock: MockClock) -> None:
    patients = [Patient(every=29.76 + number / 100) for number in range(25)]
    async with attended(*patients):
        await trio.sleep(31)
        assert [patient.calls for patient in patients] == [[0, 30]] * 25


async def test_later_timer_due_earlier_is_called_in_time(autojump_clock: MockClock) -> None:
    late, early = Patient(every=100), Patient(every=5)
    async with attended(late) as timers, trio.open_nursery() as nursery:
        await trio.sleep(1)
        nursery.start_soon(early.run_until, timers)
        await trio.sleep(10.5)
        assert early.calls == [1, 6, 11]
        nursery.cancel_scope.cancel()


async def test_rescheduled_timer_is_called_now(autojump_clock: MockClock) -> None:
    one, other = Patient(every=30), Patient(every=30)
    async with attended(one, other) as timers:
        await trio.sleep(10)
        timers.reschedule(one.over)
        await trio.sleep(55)
        assert one.calls == [0, 10, 40]
        assert other.calls == [0, 30, 60]
        one.over.set()
        await trio.testing.wait_all_tasks_blocked()
        timers.reschedule(one.over)  # it has ended
        await trio.sleep(30)
        assert one.calls == [0, 10, 40]


async def test_ended_timer_is_not_called(autojump_clock: MockClock) -> None:
    one, other = Patient(every=10), Patient(every=10)
    async with attended(one, other) as timers:
        one.over.set()
        await trio.testing.wait_all_tasks_blocked()
        assert one.returned
        # A connection that has ended is not kept until its next ping.
        assert [each.callback for due in timers._due.values() for each in due] == [other.beat]
        await trio.sleep(25)
        assert one.calls == [0]
        assert other.calls == [0, 10, 20]


async def test_timer_ended_by_another_call_is_not_called(autojump_clock: MockClock) -> None:
    first, second = Patient(every=10), Patient(every=10)
    async with attended(first, second):
        first.on_call = second.over.set
        second.on_call = first.over.set
        await trio.sleep(25)
        # The first call ended the other one.
        assert sorted([first.calls, second.calls]) == [[0], [0, 10, 20]]


async def test_cancellation_ends_one_timer(autojump_clock: MockClock) -> None:
    one, other = Patient(every=10), Patient(every=10)
    async with attended(other) as timers, trio.open_nursery() as nursery:
        nursery.start_soon(one.run_until, timers)
        await trio.sleep(15)
        nursery.cancel_scope.cancel()
        await trio.lowlevel.checkpoint_if_cancelled()
    assert one.calls == other.calls == [0, 10]


async def test_error_of_a_callback_surfaces_in_its_task(autojump_clock: MockClock) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    one, other = Patient(every=10), Patient(every=10)
    async with attended(other) as timers:
        with pytest.RaisesGroup(ZeroDivisionError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one.run_until, timers)
                await trio.sleep(5)
                one.on_call = fail
        assert one.over.is_set()
        await trio.sleep(25)
        assert one.calls == [0, 10]
        assert other.calls == [0, 10, 20, 30]


async def test_thousands_of_timers_leave_others_a_turn(autojump_clock: MockClock) -> None:
    patients = [Patient(every=10) for _ in range(1000)]
    begun = trio.Event()
    async with attended(*patients):
        for patient in patients:
            patient.on_call = begun.set
        await begun.wait()
        seen = {0}
        while max(seen) < len(patients):
            seen.add(sum(len(patient.calls) == 2 for patient in patients))
            await trio.lowlevel.checkpoint()
        # 16 slices; Trio runs tasks in any order, so this one misses some of them.
        assert len(seen) > 5

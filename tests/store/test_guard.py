"""The time limit and the breaker, with a store that fails on demand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.store.sick import SickStore
from trio_chat.errors import DamagedData, HistoryReplaced, Outage
from trio_chat.metrics import Metrics
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Store
from trio_chat.store.breaker import (
    FIRST_PAUSE_SECONDS,
    LIMIT_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STEADY_SECONDS,
)
from trio_chat.store.guard import GuardedStore
from trio_chat.store.memory import MemoryStore

READERS = 15


@define
class Guarded:
    """A sick store and its guard."""

    sick: SickStore
    guarded: GuardedStore
    metrics: Metrics

    async def fail_read(self, fault: str = "no space left") -> None:
        """Let a read fail."""
        self.sick.fault = fault
        with pytest.raises(Outage):
            await self.guarded.positions(["general"])

    async def fail_write(self) -> None:
        """Let a write fail."""
        self.sick.fault = "no space left"
        with pytest.raises(Outage):
            await self.guarded.append([draft("a")])

    async def recover(self) -> float:
        """Repair the store; returns the seconds until the guard notices."""
        self.sick.fault = None
        self.sick.is_silent = False
        began = trio.current_time()
        while self.guarded.last_error is not None:  # noqa: ASYNC110 - it has nobody else to tell
            await trio.sleep(0.01)
        return trio.current_time() - began


@asynccontextmanager
async def guard(
    clock: MockClock, uniform: Callable[[float, float], float] = max
) -> AsyncIterator[Guarded]:
    """Run a guard within the block; by default each pause has its maximum length."""
    assert trio.lowlevel.current_clock() is clock
    sick, metrics = SickStore(), Metrics()
    guarded = GuardedStore(sick, metrics, probe=sick.probe, readers=READERS, uniform=uniform)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guarded.run)
        yield Guarded(sick, guarded, metrics)
        nursery.cancel_scope.cancel()


def draft(text: str) -> Draft:
    return Draft(f"id-{text}", "general", "ann", text, 0)


CALLS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "append": lambda store: store.append([draft("a")], [ReadMarker(1, "general", "ann")]),
    "read_before": lambda store: store.read_before("general", 9, 9),
    "read_after": lambda store: store.read_after("general", 0, 9),
    "positions": lambda store: store.positions(["general"]),
    "take_new_epoch": lambda store: store.take_new_epoch("an older one"),
    "marks": lambda store: store.marks("general", ["ann"]),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
async def test_a_guarded_call_returns_the_result_of_the_store(
    call: Callable[[Store], Awaitable[object]], autojump_clock: MockClock
) -> None:
    plain = MemoryStore(new_epoch=lambda: "k")
    async with guard(autojump_clock) as one:
        one.sick.kept = MemoryStore(new_epoch=lambda: "k")
        for store in (plain, one.sick.kept):
            await store.append([draft("1"), draft("2")], [ReadMarker(1, "general", "ann")])
        assert await call(one.guarded) == await call(plain)
        assert one.guarded.last_error is None


@every_call
async def test_a_call_that_hangs_fails_in_time_and_opens_the_breaker(
    call: Callable[[Store], Awaitable[object]], autojump_clock: MockClock
) -> None:
    async with guard(autojump_clock) as one:
        one.sick.is_silent = True
        began = trio.current_time()
        with pytest.raises(Outage, match="did not answer within 5 s"):
            await call(one.guarded)
        assert trio.current_time() - began == LIMIT_SECONDS
        assert one.guarded.last_error == "it did not answer within 5 s"
        assert one.sick.waiting == 0


@every_call
async def test_a_failed_call_opens_the_breaker_which_refuses_the_next_at_once(
    call: Callable[[Store], Awaitable[object]], autojump_clock: MockClock
) -> None:
    async with guard(autojump_clock) as one:
        one.sick.fault = "no space left"
        with pytest.raises(Outage, match="no space left"):
            await call(one.guarded)
        asked, began = one.sick.asked, trio.current_time()
        with pytest.raises(Outage, match="no space left"):
            await call(one.guarded)
        assert (one.sick.asked, trio.current_time()) == (asked, began)
        assert one.guarded.last_error == "no space left"


@pytest.mark.parametrize("error", [ZeroDivisionError, HistoryReplaced("another history")])
async def test_other_exceptions_are_no_outage(
    error: type[Exception] | Exception, autojump_clock: MockClock
) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    async with guard(autojump_clock) as one:
        with pytest.raises((ZeroDivisionError, HistoryReplaced)):
            await one.guarded.call(fail)
        assert one.guarded.last_error is None
        assert one.metrics.store_failures.count == 0
        # A probe that finds another history has reached the store.
        if isinstance(error, HistoryReplaced):
            one.guarded._reads._probe = fail
            await one.fail_read()
            await one.recover()


@every_call
async def test_damaged_data_fails_the_call_and_leaves_the_breaker_closed(
    call: Callable[[Store], Awaitable[object]], autojump_clock: MockClock
) -> None:
    async with guard(autojump_clock) as one:
        one.sick.damage = "damaged"
        with pytest.raises(DamagedData, match="damaged"):
            await call(one.guarded)
        assert one.guarded.last_error is None
        assert one.metrics.store_failures.count == 1


async def test_pauses_between_probes_double_up_to_the_longest(
    autojump_clock: MockClock,
) -> None:
    pauses: list[float] = []

    def uniform(least: float, most: float) -> float:
        assert least == most / 2
        pauses.append(most)
        return most

    async with guard(autojump_clock, uniform) as one:
        await one.fail_read()
        asked = one.sick.asked
        while len(pauses) < 8:
            assert one.sick.waiting <= 1
            await trio.sleep(0.01)
        assert one.sick.asked - asked == 7
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, *[LONGEST_PAUSE_SECONDS] * 3]


async def test_concurrent_failures_are_one_outage(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:
        one.sick.fault = "locked"
        one.sick.delay_seconds = 1.0
        failed = 0

        async def fail() -> None:
            nonlocal failed
            with pytest.raises(Outage):
                await one.guarded.positions(["general"])
            failed += 1

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(fail)
        assert failed == one.metrics.store_failures.count == 3
        assert one.metrics.store_outages.count == 1


async def test_a_late_failure_of_an_old_call_does_not_reopen_the_breaker(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:

        async def hang() -> None:
            with pytest.raises(Outage, match="did not answer"):
                await one.guarded.read_before("general", 9, 9)

        async with trio.open_nursery() as nursery:
            one.sick.is_silent = True
            nursery.start_soon(hang)
            await wait_all_tasks_blocked(0.01)
            one.sick.is_silent = False
            await one.fail_read()
            await one.recover()
        assert one.guarded.last_error is None
        assert one.metrics.store_outages.count == 1


async def test_a_breaker_reports_its_newest_failure_and_closes_soon_after_recovery(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:
        await one.fail_read("connection lost")
        assert await one.recover() <= FIRST_PAUSE_SECONDS + 0.01
        await one.guarded.positions(["general"])
        await one.fail_read("connection lost")
        one.sick.fault = "starting up"
        await trio.sleep(1)
        with pytest.raises(Outage, match="starting up"):
            await one.guarded.positions(["general"])
        one.sick.is_silent = True
        await trio.sleep(60)
        assert one.sick.waiting <= 1
        assert one.guarded.last_error == "it did not answer within 5 s"
        assert await one.recover() <= LIMIT_SECONDS + LONGEST_PAUSE_SECONDS + 0.01


async def test_failing_reads_never_stop_writes(autojump_clock: MockClock) -> None:
    async with guard(autojump_clock) as one:
        await one.fail_read("cannot be read")
        one.sick.fault = None
        assert (await one.guarded.append([draft("a")])).outcomes
        with pytest.raises(Outage):
            await one.guarded.read_before("general", 9, 9)
        assert one.guarded.last_error == "cannot be read"
        await one.fail_write()
        with pytest.raises(Outage, match="cannot be read"):
            await one.guarded.read_before("general", 9, 9)
        assert one.metrics.store_outages.count == 2


async def test_a_failed_write_stops_reads_until_the_next_probe(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:
        with capture_logs() as lines:
            await one.fail_write()
            with pytest.raises(Outage):
                await one.guarded.read_before("general", 9, 9)
            one.sick.fault = None
            one.guarded._writes._probe = partial(trio.sleep, 1)
            await trio.sleep(2 * FIRST_PAUSE_SECONDS)
            await one.guarded.read_before("general", 9, 9)
            assert one.guarded.last_error == "no space left"
            await one.recover()
        assert [line["fails"] for line in lines] == ["writes", "writes"]
        assert one.metrics.store_outages.count == 1


async def test_a_queue_of_reads_is_no_outage(autojump_clock: MockClock) -> None:
    async with guard(autojump_clock) as one:
        one.sick.delay_seconds = LIMIT_SECONDS - 1
        async with trio.open_nursery() as calls:
            calls.start_soon(one.guarded.append, [draft("a")])
            for _ in range(3 * READERS):
                calls.start_soon(one.guarded.read_before, "general", 9, 9)
        assert trio.current_time() >= 3 * (LIMIT_SECONDS - 1)
        assert one.guarded.last_error is None


async def test_a_cancelled_call_is_no_failure_of_the_store(autojump_clock: MockClock) -> None:
    async with guard(autojump_clock) as one:
        one.sick.is_silent = True
        with trio.move_on_after(1) as scope:
            await one.guarded.positions(["general"])
        assert scope.cancelled_caught
        assert one.guarded.last_error is None
        assert one.metrics.store_failures.count == 0


async def test_each_outage_writes_one_line_at_its_begin_and_one_at_its_end(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as lines:
        async with guard(autojump_clock) as one:
            await one.fail_read("no space left")
            await trio.sleep(30)
            for _ in range(5):
                with pytest.raises(Outage):
                    await one.guarded.positions(["general"])
            await one.recover()
    down, back = lines
    assert down == {
        "event": "store unreachable",
        "reason": "no space left",
        "fails": "reads",
        "log_level": "error",
    }
    assert (back["event"], back["log_level"]) == ("store reachable again", "info")
    assert back["seconds"] >= 30


async def test_a_flapping_store_is_probed_ever_less_often(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:
        for _ in range(10):
            await one.fail_read()
            spent = await one.recover()
        assert spent >= LONGEST_PAUSE_SECONDS - 0.01
        assert one.metrics.store_outages.count == 10
        await trio.sleep(STEADY_SECONDS)
        await one.fail_read()
        assert await one.recover() <= FIRST_PAUSE_SECONDS + 0.01


async def test_the_metrics_have_the_duration_of_successful_commits_only(
    autojump_clock: MockClock,
) -> None:
    async with guard(autojump_clock) as one:
        one.sick.delay_seconds = 0.003
        await one.guarded.append([draft("a")])
        await one.fail_read()
        with pytest.raises(Outage):
            await one.guarded.append([draft("b")])
    text = one.metrics.text().decode()
    assert 'trio_chat_store_append_seconds_bucket{le="0.0025"} 0.0' in text
    assert 'trio_chat_store_append_seconds_bucket{le="0.005"} 1.0' in text
    assert 'trio_chat_store_append_seconds_bucket{le="+Inf"} 1.0' in text


async def test_forget_works_during_an_outage(autojump_clock: MockClock) -> None:
    async with guard(autojump_clock) as one:
        await one.sick.kept.append([draft("a")])
        await one.fail_read()
        await one.guarded.forget("general")
        assert (await one.sick.kept.positions(["general"]))["general"].head == 0


def test_the_guard_passes_epoch_and_commit_nowait_through() -> None:
    memory, sick = MemoryStore(), SickStore()
    guarded = GuardedStore(memory, Metrics(), probe=sick.probe, readers=READERS)
    assert guarded.commit_nowait == memory.commit_nowait
    assert guarded.epoch == memory.epoch
    assert GuardedStore(sick, Metrics(), probe=sick.probe, readers=READERS).commit_nowait is None


SPELLS = st.lists(
    st.tuples(
        st.sampled_from(["well", "failing", "silent"]), st.floats(0.1, 20), st.integers(0, 4)
    ),
    max_size=8,
)


@given(spells=SPELLS, share=st.floats(0, 1))
def test_every_call_ends_in_time_and_a_recovered_store_is_used_again(
    spells: list[tuple[str, float, int]], share: float
) -> None:
    async def use(one: Guarded) -> None:
        began = trio.current_time()
        try:
            await one.guarded.append([draft("a")])
        except Outage:
            assert trio.current_time() - began <= LIMIT_SECONDS + 0.001  # floats are added up

    async def live() -> None:
        async with guard(clock, lambda least, most: least + share * (most - least)) as one:
            async with trio.open_nursery() as nursery:
                for state, seconds, calls in spells:
                    one.sick.fault = "failing" if state == "failing" else None
                    one.sick.is_silent = state == "silent"
                    for _ in range(calls):
                        nursery.start_soon(use, one)
                    await trio.sleep(seconds)
            assert await one.recover() <= LIMIT_SECONDS + LONGEST_PAUSE_SECONDS + 0.01
            await one.guarded.positions(["general"])

    clock = MockClock(autojump_threshold=0)
    trio.run(live, clock=clock)

"""The time limit and the breaker, with a store that fails on demand."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.contracts.drafts import draft
from tests.store.sick import SickStore
from trio_chat.errors import DamagedData, HistoryReplaced, Outage
from trio_chat.metrics import Metrics
from trio_chat.protocol.commands import ReadMarker
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
ROUNDING_SECONDS = 0.01

Uniform = Callable[[float, float], float]
Call = Callable[[Store], Awaitable[object]]


@define
class Guarded:
    """A sick store and its guard."""

    sick: SickStore
    guarded: GuardedStore
    metrics: Metrics

    async def fail(self, call: Call, fault: str = "no space left") -> None:
        self.sick.fault = fault
        with pytest.raises(Outage):
            await call(self.guarded)

    async def recover(self) -> float:
        """Repair the store; returns the seconds until the guard notices."""
        self.sick.fault = None
        self.sick.is_silent = False
        began = trio.current_time()
        while self.guarded.last_error is not None:  # noqa: ASYNC110 - it has nobody else to tell
            await trio.sleep(ROUNDING_SECONDS)
        return trio.current_time() - began


def guard(nursery: trio.Nursery, uniform: Uniform) -> Guarded:
    sick, metrics = SickStore(), Metrics()
    guarded = GuardedStore(sick, metrics, probe=sick.probe, readers=READERS, uniform=uniform)
    nursery.start_soon(guarded.run)
    return Guarded(sick, guarded, metrics)


@pytest.fixture
async def one(nursery: trio.Nursery, autojump_clock: MockClock) -> Guarded:  # noqa: ARG001
    """A guard each of whose pauses has its maximum length."""
    return guard(nursery, max)


CALLS: dict[str, Call] = {
    "append": lambda store: store.append([draft("a")], [ReadMarker(1, "general", "ann")]),
    "read_before": lambda store: store.read_before("general", 9, 9),
    "read_after": lambda store: store.read_after("general", 0, 9),
    "positions": lambda store: store.positions(["general"]),
    "take_new_epoch": lambda store: store.take_new_epoch("an older one"),
    "marks": lambda store: store.marks("general", ["ann"]),
}
READ, WRITE = CALLS["positions"], CALLS["append"]
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
async def test_a_guarded_call_returns_the_result_of_the_store(call: Call, one: Guarded) -> None:
    plain, one.sick.kept = MemoryStore(new_epoch=lambda: "k"), MemoryStore(new_epoch=lambda: "k")
    for store in (plain, one.sick.kept):
        await store.append([draft("1"), draft("2")], [ReadMarker(1, "general", "ann")])
    assert await call(one.guarded) == await call(plain)
    assert one.guarded.last_error is None


@every_call
@pytest.mark.parametrize(
    ("is_silent", "seconds", "why"),
    [(True, LIMIT_SECONDS, "it did not answer within 5 s"), (False, 0, "no space left")],
    ids=["hangs", "fails"],
)
async def test_a_failed_call_opens_the_breaker_which_refuses_the_next_at_once(
    call: Call, one: Guarded, seconds: float, why: str, *, is_silent: bool
) -> None:
    one.sick.is_silent = is_silent
    began = trio.current_time()
    await one.fail(call)
    assert trio.current_time() - began == seconds
    assert (one.guarded.last_error, one.sick.waiting) == (why, 0)
    asked, began = one.sick.asked, trio.current_time()
    with pytest.raises(Outage, match=why):
        await call(one.guarded)
    assert (one.sick.asked, trio.current_time()) == (asked, began)


@every_call
async def test_damaged_data_fails_the_call_and_leaves_the_breaker_closed(
    call: Call, one: Guarded
) -> None:
    one.sick.damage = "damaged"
    with pytest.raises(DamagedData, match="damaged"):
        await call(one.guarded)
    assert one.guarded.last_error is None
    assert one.metrics.store_failures.count == 1


@pytest.mark.parametrize("error", [ZeroDivisionError(), HistoryReplaced("another history")])
async def test_other_exceptions_are_no_outage(error: Exception, one: Guarded) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    with pytest.raises(type(error)):
        await one.guarded.call(fail)
    assert one.guarded.last_error is None
    assert one.metrics.store_failures.count == 0
    # A probe that finds another history has reached the store.
    if isinstance(error, HistoryReplaced):
        one.guarded._reads._probe = fail
        await one.fail(READ)
        await one.recover()


async def test_pauses_between_probes_double_up_to_the_longest(one: Guarded) -> None:
    pauses: list[float] = []

    def uniform(least: float, most: float) -> float:
        assert least == most / 2
        pauses.append(most)
        return most

    one.guarded._reads._uniform = uniform
    await one.fail(READ)
    asked = one.sick.asked
    while len(pauses) < 8:
        assert one.sick.waiting <= 1
        await trio.sleep(ROUNDING_SECONDS)
    assert one.sick.asked - asked == 7
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, *[LONGEST_PAUSE_SECONDS] * 3]


async def test_concurrent_failures_are_one_outage(one: Guarded) -> None:
    one.sick.delay_seconds = 1.0
    async with trio.open_nursery() as calls:
        for _ in range(3):
            calls.start_soon(one.fail, READ)
    assert one.metrics.store_failures.count == 3
    assert one.metrics.store_outages.count == 1


async def test_a_late_failure_of_an_old_call_does_not_reopen_the_breaker(one: Guarded) -> None:
    async def hang() -> None:
        with pytest.raises(Outage, match="did not answer"):
            await one.guarded.read_before("general", 9, 9)

    async with trio.open_nursery() as calls:
        one.sick.is_silent = True
        calls.start_soon(hang)
        await wait_all_tasks_blocked(0.01)
        one.sick.is_silent = False
        await one.fail(READ)
        await one.recover()
    assert one.guarded.last_error is None
    assert one.metrics.store_outages.count == 1


async def test_a_breaker_reports_its_newest_failure_and_closes_soon_after_recovery(
    one: Guarded,
) -> None:
    await one.fail(READ, "connection lost")
    assert await one.recover() <= FIRST_PAUSE_SECONDS + ROUNDING_SECONDS
    await one.guarded.positions(["general"])
    await one.fail(READ, "connection lost")
    one.sick.fault = "starting up"
    await trio.sleep(1)
    with pytest.raises(Outage, match="starting up"):
        await one.guarded.positions(["general"])
    one.sick.is_silent = True
    await trio.sleep(60)
    assert one.sick.waiting <= 1
    assert one.guarded.last_error == "it did not answer within 5 s"
    assert await one.recover() <= LIMIT_SECONDS + LONGEST_PAUSE_SECONDS + ROUNDING_SECONDS


async def test_failing_reads_never_stop_writes(one: Guarded) -> None:
    await one.fail(READ, "cannot be read")
    one.sick.fault = None
    assert await WRITE(one.guarded)
    with pytest.raises(Outage):
        await READ(one.guarded)
    assert one.guarded.last_error == "cannot be read"
    await one.fail(WRITE)
    with pytest.raises(Outage, match="cannot be read"):
        await READ(one.guarded)
    assert one.metrics.store_outages.count == 2


async def test_a_failed_write_stops_reads_until_the_next_probe(one: Guarded) -> None:
    with capture_logs() as lines:
        await one.fail(WRITE)
        with pytest.raises(Outage):
            await READ(one.guarded)
        one.sick.fault = None
        one.guarded._writes._probe = partial(trio.sleep, 1)
        await trio.sleep(2 * FIRST_PAUSE_SECONDS)
        await READ(one.guarded)
        assert one.guarded.last_error == "no space left"
        await one.recover()
    assert [line["fails"] for line in lines] == ["writes", "writes"]
    assert one.metrics.store_outages.count == 1


async def test_a_queue_of_reads_is_no_outage(one: Guarded) -> None:
    one.sick.delay_seconds = LIMIT_SECONDS - 1
    async with trio.open_nursery() as calls:
        calls.start_soon(one.guarded.append, [draft("a")])
        for _ in range(3 * READERS):
            calls.start_soon(READ, one.guarded)
    assert trio.current_time() >= 3 * (LIMIT_SECONDS - 1)
    assert one.guarded.last_error is None


async def test_a_cancelled_call_is_no_failure_of_the_store(one: Guarded) -> None:
    one.sick.is_silent = True
    with trio.move_on_after(1) as scope:
        await READ(one.guarded)
    assert scope.cancelled_caught
    assert one.guarded.last_error is None
    assert one.metrics.store_failures.count == 0


async def test_each_outage_writes_one_line_at_its_begin_and_one_at_its_end(one: Guarded) -> None:
    with capture_logs() as lines:
        await one.fail(READ)
        await trio.sleep(30)
        for _ in range(5):
            with pytest.raises(Outage):
                await READ(one.guarded)
        await one.recover()
    down, back = lines
    assert (down["event"], down["log_level"]) == ("store unreachable", "error")
    assert (down["reason"], down["fails"]) == ("no space left", "reads")
    assert (back["event"], back["log_level"]) == ("store reachable again", "info")
    assert back["seconds"] >= 30


async def test_a_flapping_store_is_probed_ever_less_often(one: Guarded) -> None:
    for _ in range(10):
        await one.fail(READ)
        spent = await one.recover()
    assert spent >= LONGEST_PAUSE_SECONDS - ROUNDING_SECONDS
    assert one.metrics.store_outages.count == 10
    await trio.sleep(STEADY_SECONDS)
    await one.fail(READ)
    assert await one.recover() <= FIRST_PAUSE_SECONDS + ROUNDING_SECONDS


async def test_the_metrics_have_the_duration_of_successful_commits_only(one: Guarded) -> None:
    one.sick.delay_seconds = 0.003
    await WRITE(one.guarded)
    await one.fail(READ)
    await one.fail(WRITE)
    text = one.metrics.text().decode()
    assert 'trio_chat_store_append_seconds_bucket{le="0.0025"} 0.0' in text
    assert 'trio_chat_store_append_seconds_bucket{le="0.005"} 1.0' in text
    assert 'trio_chat_store_append_seconds_bucket{le="+Inf"} 1.0' in text


async def test_forget_works_during_an_outage(one: Guarded) -> None:
    await WRITE(one.sick.kept)
    await one.fail(READ)
    await one.guarded.forget("general")
    assert (await one.sick.kept.positions(["general"]))["general"].head == 0


async def test_the_guard_passes_epoch_and_commit_nowait_through(one: Guarded) -> None:
    assert (one.guarded.commit_nowait, one.guarded.epoch) == (None, one.sick.epoch)
    one.guarded._store = memory = MemoryStore()
    assert (one.guarded.commit_nowait, one.guarded.epoch) == (memory.commit_nowait, memory.epoch)


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
    async def use(store: Store) -> None:
        began = trio.current_time()
        try:
            await WRITE(store)
        except Outage:
            assert trio.current_time() - began <= LIMIT_SECONDS + 0.001  # floats are added up

    async def live() -> None:
        async with trio.open_nursery() as nursery:
            one = guard(nursery, lambda least, most: least + share * (most - least))
            async with trio.open_nursery() as calls:
                for state, seconds, count in spells:
                    one.sick.fault = "failing" if state == "failing" else None
                    one.sick.is_silent = state == "silent"
                    for _ in range(count):
                        calls.start_soon(use, one.guarded)
                    await trio.sleep(seconds)
            most_seconds = LIMIT_SECONDS + LONGEST_PAUSE_SECONDS + ROUNDING_SECONDS
            assert await one.recover() <= most_seconds
            await READ(one.guarded)
            nursery.cancel_scope.cancel()

    trio.run(live, clock=MockClock(autojump_threshold=0))

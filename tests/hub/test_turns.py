"""What the hub does in one turn: take a batch, commit it once, write to each member once."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from tests.hub.scene import HISTORY, Recorder, Scene, join, leave, say, types
from trio_chat.errors import Outage
from trio_chat.hub.hub import INBOX_REQUESTS, TURN_CHARS, TURN_REQUESTS
from trio_chat.log.memory import MemoryLog
from trio_chat.protocol.membership import Settle, Tick
from trio_chat.protocol.messages import Draft, Event


class WatchedLog(MemoryLog):
    """A memory log that can be made to wait, or to fail, and remembers the sizes of batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.appending = trio.Event()
        self.may_go_on = trio.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None
        self.forgotten: list[str] = []

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Wait for permission, fail if told so, and otherwise append."""
        self.appending.set()
        await self.may_go_on.wait()
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(drafts))
        return await super().append(drafts)

    async def forget(self, room: str) -> None:
        """Note it and forget it."""
        self.forgotten.append(room)
        await super().forget(room)


@pytest.fixture
def log() -> WatchedLog:
    """The log of `watched`."""
    return WatchedLog()


@pytest.fixture
async def watched(
    log: WatchedLog,
    nursery: trio.Nursery,
    mock_clock: trio.testing.MockClock,  # noqa: ARG001
) -> Scene:
    """A hub whose log is watched."""
    scene = Scene(log)
    nursery.start_soon(scene.hub.run)
    return scene


def metric(scene: Scene, name: str) -> float:
    for family in text_string_to_metric_families(scene.metrics.text().decode()):
        for sample in family.samples:
            if sample.name == name:
                return sample.value
    raise KeyError(name)


# --- batches --------------------------------------------------------------------------------------


async def test_the_messages_of_a_turn_are_one_commit_and_one_write(
    watched: Scene, log: WatchedLog
) -> None:
    ann, bob = await watched.join("ann"), await watched.join("bob")
    bob.forget()
    await watched.ask(say(ann, "one"), say(bob, "two"), types(ann), say(bob, "three"))
    assert log.batches[2:] == [3]
    assert bob.writes == [["3 ann: one", "4 bob: two", "ann types", "5 bob: three"]]


async def test_a_turn_takes_no_more_requests_than_fit_a_queue(watched: Scene) -> None:
    ann = await watched.join("ann")
    ann.forget()
    await watched.ask(*(say(ann, "hi") for _ in range(TURN_REQUESTS + 5)))
    assert [len(write) for write in ann.writes] == [TURN_REQUESTS, 5]


async def test_a_turn_ends_when_it_has_enough_characters(watched: Scene) -> None:
    ann = await watched.join("ann")
    ann.forget()
    quarter = "a" * (TURN_CHARS // 4)
    await watched.ask(*(say(ann, quarter) for _ in range(6)))
    assert [len(write) for write in ann.writes] == [4, 2]


async def test_one_long_text_is_a_turn_by_itself(watched: Scene) -> None:
    ann = await watched.join("ann")
    ann.forget()
    await watched.ask(say(ann, "a" * TURN_CHARS), say(ann, "b"))
    assert [len(write) for write in ann.writes] == [1, 1]


async def test_only_texts_count_as_characters(watched: Scene) -> None:
    ann = await watched.join("ann")
    ann.forget()
    just_below = "a" * (TURN_CHARS - 1)
    await watched.ask(say(ann, just_below), types(ann), say(ann, "b"))
    assert [len(write) for write in ann.writes] == [4]


async def test_the_inbox_takes_256_requests_and_then_makes_wait() -> None:
    scene = Scene()
    scene.put(*(Tick() for _ in range(INBOX_REQUESTS)))
    assert INBOX_REQUESTS == 256
    with pytest.raises(trio.WouldBlock):
        scene.put(Tick())


async def test_settling_waits_for_all_that_was_before_to_be_told(watched: Scene) -> None:
    ann = await watched.join("ann")
    ann.forget()
    seen: list[list[str]] = []
    watched.put(say(ann, "one"), join(Recorder(), "bob"), Settle(lambda: seen.append(ann.got)))
    await watched.hub.settle()
    assert seen == [["2 ann: one", "3 * bob has joined the chat", "[ann bob] 2"]]


# --- logged before seen ---------------------------------------------------------------------------


async def test_nobody_sees_anything_of_a_turn_while_its_commit_takes_time(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    ann.forget()
    log.may_go_on = trio.Event()
    log.appending = trio.Event()
    watched.put(types(ann), say(ann, "hi"))
    await log.appending.wait()
    await trio.testing.wait_all_tasks_blocked()
    assert ann.got == []
    log.may_go_on.set()
    await watched.hub.settle()
    assert ann.got == ["ann types", "2 ann: hi", "ann stops"]


async def test_a_turn_without_events_does_not_touch_the_log(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    batches = list(log.batches)
    await watched.ask(types(ann), Tick())
    assert log.batches == batches


async def test_a_failing_log_ends_the_hub_and_nobody_sees_the_event() -> None:
    log = WatchedLog()
    scene = Scene(log)
    ann = Recorder()
    scene.put(join(ann, "ann"))
    log.fault = Outage("the disk is full")
    with pytest.raises(Outage, match="the disk is full"):
        await scene.hub.run()
    assert ann.got == []
    assert ann.admission is None


async def test_a_hub_that_has_failed_takes_nothing_more() -> None:
    log = WatchedLog()
    scene = Scene(log)
    log.fault = Outage("the disk is full")
    scene.put(join(Recorder(), "ann"))
    with pytest.raises(Outage):
        await scene.hub.run()
    with pytest.raises(trio.BrokenResourceError):
        scene.put(Tick())


# --- life and time --------------------------------------------------------------------------------


async def test_a_cancelled_hub_lets_nobody_wait_at_its_inbox(nursery: trio.Nursery) -> None:
    scene = Scene()
    hub_scope = trio.CancelScope()
    turned_away = trio.Event()

    async def run_hub() -> None:
        with hub_scope:
            await scene.hub.run()

    async def wait_at_the_inbox() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await scene.hub.inbox.send(Tick())
        turned_away.set()

    scene.put(*(Tick() for _ in range(INBOX_REQUESTS)))
    nursery.start_soon(wait_at_the_inbox)
    await trio.testing.wait_all_tasks_blocked()
    hub_scope.cancel()
    nursery.start_soon(run_hub)
    await turned_away.wait()


async def test_the_clock_ticks_four_times_a_second(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    nursery.start_soon(scene.hub.keep_time)
    ann = await scene.join("ann")
    ann.forget()
    times: list[float] = []
    both_told = trio.Event()

    def note() -> None:
        times.append(trio.current_time())
        if len(times) == 2:
            both_told.set()

    ann.on_offer = note
    await scene.ask(types(ann))
    await both_told.wait()
    assert 6.0 <= times[1] - times[0] <= 6.25


# --- rooms that nobody is in ----------------------------------------------------------------------


async def test_a_room_empty_for_an_hour_is_forgotten(
    watched: Scene, log: WatchedLog, mock_clock: trio.testing.MockClock
) -> None:
    ann = await watched.join("ann")
    await watched.ask(leave(ann))
    await watched.tick_after(mock_clock, 3599.9)
    assert log.forgotten == []
    await watched.tick_after(mock_clock, 0.1)
    assert log.forgotten == ["general"]
    again = await watched.join("ann")
    assert again.got == ["1 * ann has joined the chat", "[ann] 1"]


async def test_a_forgotten_room_is_forgotten_once(
    watched: Scene, log: WatchedLog, mock_clock: trio.testing.MockClock
) -> None:
    await watched.ask(leave(await watched.join("ann")))
    await watched.tick_after(mock_clock, 3600)
    await watched.tick_after(mock_clock, 3600)
    assert log.forgotten == ["general"]


async def test_a_room_somebody_came_back_to_is_not_forgotten(
    watched: Scene, log: WatchedLog, mock_clock: trio.testing.MockClock
) -> None:
    await watched.ask(leave(await watched.join("ann")))
    await watched.join("bob")
    await watched.tick_after(mock_clock, 3600)
    assert log.forgotten == []


async def test_a_room_somebody_comes_back_to_as_the_hour_strikes_is_not_forgotten(
    watched: Scene, log: WatchedLog, mock_clock: trio.testing.MockClock
) -> None:
    await watched.ask(leave(await watched.join("ann")))
    mock_clock.jump(3600)
    bob = Recorder()
    await watched.ask(join(bob, "bob"), Tick())
    assert log.forgotten == []
    assert bob.got[0] == "3 * bob has joined the chat"


async def test_a_room_with_somebody_in_it_is_never_forgotten(
    watched: Scene, log: WatchedLog, mock_clock: trio.testing.MockClock
) -> None:
    ann = await watched.join("ann")
    await watched.join("bob")
    await watched.ask(leave(ann))
    await watched.tick_after(mock_clock, 10_000)
    assert log.forgotten == []


# --- metrics --------------------------------------------------------------------------------------


async def test_deliveries_and_bytes_are_counted_for_each_member(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob")
    deliveries = metric(scene, "trio_chat_deliveries_total")
    size = metric(scene, "trio_chat_bytes_out_total")
    before = ann.bytes_offered + bob.bytes_offered
    await scene.ask(say(ann, "one"), say(ann, "two"))
    assert metric(scene, "trio_chat_deliveries_total") - deliveries == 4
    assert metric(scene, "trio_chat_bytes_out_total") - size == (
        ann.bytes_offered + bob.bytes_offered - before
    )


async def test_what_is_held_is_no_delivery(scene: Scene) -> None:
    await scene.join("ann", waits=True)
    assert metric(scene, "trio_chat_deliveries_total") == 0


async def test_each_turn_is_timed(scene: Scene) -> None:
    for _ in range(3):
        await scene.ask(Tick())
    assert metric(scene, "trio_chat_hub_turn_seconds_count") == 3


async def test_history_is_not_the_hubs_delivery(scene: Scene) -> None:
    ann = await scene.join("ann", waits=True)
    ann.release(HISTORY)
    assert metric(scene, "trio_chat_deliveries_total") == 0

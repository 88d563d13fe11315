"""The queue of requests of one client, and the gaps of a long backlog."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from tests.hub.scene import Recorder
from tests.websocket.talk import (
    BOB,
    WALL_MS,
    Pending,
    Stage,
    Talk,
    command,
    damaged,
    drafts,
    filled,
    hello,
    read_all,
    seqs,
)
from trio_chat.access.names import prepare_name
from trio_chat.errors import Outage
from trio_chat.hub.requests import Join
from trio_chat.hub.subscription import Gap
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Draft, Kind
from trio_chat.settings import Settings
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore
from trio_chat.websocket.joining import Job, Joining

MAX_FRAMES = 4
QUEUE_BYTES = 100_000
HELLO = hello()


def joining_of(
    start_soon: Callable[[Job], object] = lambda _: None,
    outbox: Any = None,  # noqa: ANN401 - a fake
) -> Joining:
    connection: Any = SimpleNamespace(start_soon=start_soon, outbox=outbox, address="")
    nothing: Any = None
    return Joining(connection, nothing, nothing)


async def test_jobs_run_one_after_another_in_one_task(nursery: trio.Nursery) -> None:
    done: list[str] = []
    started: list[Job] = []
    gate = trio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    async def quick() -> None:
        await trio.lowlevel.checkpoint()
        done.append("quick")

    def start_soon(task: Job) -> None:
        started.append(task)
        nursery.start_soon(task)

    joining = joining_of(start_soon)
    for expected in (1, 2):
        joining._add(slow)
        joining._add(quick)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["slow", "quick"] * expected
        assert len(started) == expected
        assert not nursery.child_tasks


async def test_jobs_that_do_not_block_leave_others_a_turn(nursery: trio.Nursery) -> None:
    done: list[str] = []

    async def at_once() -> None:
        done.append("at once")

    joining = joining_of(nursery.start_soon)
    for _ in range(100):
        joining._add(at_once)
    for _ in range(10):
        await trio.lowlevel.checkpoint()
    assert 0 < len(done) < 100
    await trio.testing.wait_all_tasks_blocked()
    assert len(done) == 100


async def test_error_of_a_job_surfaces_in_the_nursery() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as failure:
        async with trio.open_nursery() as own:
            joining_of(own.start_soon)._add(fail)
    assert failure.value.subgroup(ZeroDivisionError) is not None


async def test_each_part_of_a_backlog_waits_for_space() -> None:
    member = Recorder(Encoding.VERSION_2, max_backlog_frames=MAX_FRAMES)
    pending = Pending(Join(member, "general", prepare_name("ann")), gaps=[Gap(3, 3), Gap(3, 3)])
    asked: list[tuple[int, int]] = []

    async def wait_to_fit(size: int, frames: int) -> None:  # noqa: ARG001
        asked.append((frames, len(pending.activated)))

    joining = joining_of(outbox=SimpleNamespace(wait_to_fit=wait_to_fit))
    assert await joining._fill(pending, Gap(3, 3))
    assert len(pending.activated) == 3
    # The presence and an acknowledgement come on top.
    assert asked == [(MAX_FRAMES + 2, activated) for activated in range(3)]


async def let_in(talk: Talk, *gaps: Gap, first: str = HELLO, cut: int = 1) -> Pending:
    """Admit a client whose backlog has dropped events."""
    await talk.say(first)
    pending = Pending(talk.take_join(), cut=cut, gaps=list(gaps))
    talk.conversation.admit(pending)
    await talk.run_jobs()
    return pending


async def test_gap_is_read_in_pages_and_sent_like_live_events() -> None:
    stage = Stage(store=await filled(30), settings=Settings(send_queue=16))
    with stage.talk() as talk:
        pending = await let_in(talk, Gap(1, 20), Gap(20, 30))
        sent = talk.sent()
        assert [message["type"] for message in sent[:3]] == ["welcome", "joined", "message"]
        assert seqs(sent) == [*range(2, 31)]
        assert [len(frames) for frames in pending.activated] == [1, 0, 0]


async def test_gap_waits_until_the_client_reads(nursery: trio.Nursery) -> None:
    store = await filled(1)
    await store.append(drafts(*["a" * 20_000] * 40, prefix="x"))
    stage = Stage(store=store, settings=Settings(send_queue=16, send_queue_bytes=QUEUE_BYTES))
    with stage.talk() as talk:
        nursery.start_soon(talk.connection.outbox.drain_forever)
        nursery.start_soon(let_in, talk, Gap(1, 41))
        sent = await read_all(talk)
        assert seqs(sent) == [*range(2, 42)]
        assert talk.ending() is None


async def test_plain_client_receives_only_plain_events_of_a_gap() -> None:
    store = await filled(0)
    await store.append(drafts(*range(3)))
    await store.append([Draft("d", "general", "bob", "", WALL_MS, Kind.DELETED, "id1", BOB)])
    with Stage(store=store).talk() as talk:
        await let_in(talk, Gap(1, 4), first="ann")
        assert seqs(talk.sent()) == [3]


async def test_gap_is_read_after_an_outage(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    class Recovering(MemoryStore):
        outages = 3

        async def read_after(self, room: str, after: int, limit: int) -> Page:
            if self.outages:
                self.outages -= 1
                raise Outage("no")
            return await super().read_after(room, after, limit)

    store = Recovering(lambda: "e1")
    await store.append(drafts(*range(3)))
    with Stage(store=store).talk() as talk:
        await let_in(talk, Gap(1, 3))
        assert seqs(talk.sent()) == [2, 3]


async def test_client_that_left_does_not_join_again_over_a_damaged_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = await filled(0)
    monkeypatch.setattr(store, "read_after", damaged)
    with Stage(store=store).talk() as talk:
        await talk.say(hello())
        talk.conversation.admit(Pending(talk.take_join(), cut=1, gaps=[Gap(1, 3)]))
        await talk.say(command("leave", room="general"))
        talk.take_request()
        await talk.run_jobs()
        assert not talk.requests_left()


async def test_resume_over_damage_receives_the_newest_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = await filled(3)
    monkeypatch.setattr(store, "read_after", damaged)
    with Stage(store=store).talk() as talk:
        await talk.say(hello(rooms={"general": {"since": 1, "epoch": "e1"}}))
        await talk.be_admitted(cut=3)
        (joined,) = [frame for frame in talk.sent() if frame["type"] == "joined"]
        assert (joined["recovered"], len(joined["history"])) == (False, 3)


async def test_plain_client_joins_without_a_damaged_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = await filled(0)
    monkeypatch.setattr(store, "read_before", damaged)
    with Stage(store=store).talk() as talk:
        pending = await let_in(talk, first="ann")
        (notice,) = talk.sent()
        assert notice["type"] == "system"
        assert notice["message"] == "Stored data of this room is damaged"
        assert len(pending.activated) == 1


@pytest.mark.parametrize("is_damaged", [True, False])
@pytest.mark.parametrize("first", [hello(), "ann"])
async def test_version_2_joins_again_over_a_damaged_or_evicted_gap(
    first: str, monkeypatch: pytest.MonkeyPatch, *, is_damaged: bool
) -> None:
    store = MemoryStore(lambda: "e1", events_per_room=3)
    await store.append(drafts(*range(9)))
    if is_damaged:
        monkeypatch.setattr(store, "read_after", damaged)
    with Stage(store=store).talk() as talk:
        pending = await let_in(talk, Gap(1, 8), first=first)
        assert seqs(talk.sent()) == []
        if first == "ann":
            assert (len(pending.activated), talk.requests_left()) == (2, 0)
        else:
            again = talk.take_join()
            assert (len(pending.activated), again.room, again.ref) == (1, "general", None)


async def test_client_that_leaves_receives_no_more_of_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(store=await filled(30), settings=Settings(send_queue=16)).talk() as talk:
        await talk.say(hello())
        pending = Pending(talk.take_join(), cut=1, gaps=[Gap(1, 20)])

        async def leave_during_the_gap(size: int, frames: int = 1) -> None:  # noqa: ARG001
            pending.is_pending = not pending.activated

        monkeypatch.setattr(talk.connection.outbox, "wait_to_fit", leave_during_the_gap)
        talk.conversation.admit(pending)
        await talk.run_jobs()
        assert seqs(talk.sent()) == []
        assert len(pending.activated) == 2


async def test_gap_of_a_client_that_has_left_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(3)
    monkeypatch.setattr(store, "read_after", damaged)
    with Stage(store=store).talk() as talk:
        await talk.say(hello())
        pending = Pending(talk.take_join(), cut=1, gaps=[Gap(1, 3)], is_pending=False)
        talk.conversation.admit(pending)
        await talk.run_jobs()
        assert len(pending.activated) == 2

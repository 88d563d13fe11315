"""Outages of the store: the hub refuses requests, sends nothing unstored, and catches up."""

from collections.abc import Collection, Mapping, Sequence

import pytest
import trio

from tests.hub.scene import ROOM, AnnScene, delete, forget, leave, read, say, types
from trio_chat.errors import Outage
from trio_chat.hub.heads import DOUBT_SECONDS
from trio_chat.hub.limits import QUIET_SECONDS
from trio_chat.hub.requests import Tick
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, Page, StreamPosition
from trio_chat.store.memory import MemoryStore

V2 = Encoding.VERSION_2


class FailingStore(MemoryStore):
    """A store whose calls fail on request.

    An append that loses its answer takes effect. ``pages`` has the bounds and limits read.
    """

    commit_nowait = None  # type: ignore[assignment]
    fails = loses_answers = reads_fail = False

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[tuple[int, int]] = []

    def loses(self, *, is_on: bool = True) -> None:
        """Begin or end to lose answers, and to fail at reading."""
        self.loses_answers = self.reads_fail = is_on

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        check(self.fails)
        commit = MemoryStore.commit_nowait(self, drafts, marks)
        check(self.loses_answers)
        return commit

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        check(self.fails)
        return await super().positions(rooms)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        check(self.fails or self.reads_fail)
        self.pages.append((after, limit))
        return await super().read_after(room, after, limit)

    async def forget(self, room: str) -> None:
        check(self.fails)
        await super().forget(room)


def check(fails: bool) -> None:  # noqa: FBT001
    if fails:
        raise Outage("out of reach")


class Stage(AnnScene):
    """The scene on such a store."""

    store: FailingStore


@pytest.fixture
async def stage(nursery: trio.Nursery) -> Stage:
    stage = Stage(FailingStore())
    await stage.begin(nursery)
    return stage


async def test_requests_that_cannot_be_stored_are_answered_unavailable(stage: Stage) -> None:
    bob = await stage.join("bob")
    forget(stage.ann, bob)
    stage.store.fails = True
    failing = say(stage.ann, "hi", ref="r1"), say(bob, "ho"), delete(stage.ann, "x")
    await stage.ask(*failing, types(bob))
    await stage.ask(read(stage.ann, 1))
    assert stage.ann.errors == [("unavailable", ref, ROOM) for ref in ("r1", None, None)]
    assert bob.errors == [("unavailable", None, ROOM)]
    assert stage.ann.got == bob.got == ["bob types"]


async def test_hub_continues_after_an_outage_that_drops_only_notices(stage: Stage) -> None:
    stage.store.fails = True
    bob = await stage.join("bob", encoding=V2)
    await stage.ask(leave(bob), say(stage.ann, "hi", ref="r1"))
    stage.store.fails = False
    await stage.ask(say(stage.ann, "hi", ref="r1"))
    assert stage.ann.got == ["+bob 2", "-bob 1", "ack r1 2", "2 ann: hi"]


@pytest.mark.parametrize("encoding", [Encoding.PLAIN, V2])
async def test_hub_refuses_joins_of_unreadable_rooms(stage: Stage, encoding: Encoding) -> None:
    stage.store.fails = True
    bob = await stage.join("bob", room="dev", encoding=encoding)
    assert not bob.is_admitted
    assert bob.errors == [("unavailable", None, "dev")]


async def test_an_event_stored_despite_an_outage_precedes_the_next(stage: Stage) -> None:
    bob = await stage.join("bob")
    forget(stage.ann, bob)
    stage.store.loses()
    await stage.ask(say(stage.ann, "one", ref="r1"))
    assert (stage.ann.got, bob.got) == ([], [])
    assert stage.ann.errors == [("unavailable", "r1", ROOM)]
    stage.store.loses(is_on=False)
    await stage.ask(say(bob, "two"))
    assert bob.got == ["3 ann: one", "4 bob: two"]
    assert stage.ann.got == ["3 ann: one", "4 bob: two"]
    await stage.ask(say(stage.ann, "one", ref="r1"))
    assert stage.ann.got[2:] == ["ack r1 3 again"]
    assert stage.store.pages[0] == (2, 1)


async def test_an_event_stored_despite_an_outage_arrives_without_a_next(stage: Stage) -> None:
    stage.store.loses()
    await stage.ask(say(stage.ann, "one", ref="r1"))
    await stage.ask(Tick())
    assert stage.ann.got == []
    stage.store.loses(is_on=False)
    await stage.ask(Tick())
    assert stage.ann.got == ["2 ann: one"]
    assert stage.store.pages[0] == (1, 100)


async def test_an_event_stored_long_after_an_outage_arrives(stage: Stage) -> None:
    stage.store.fails = True
    await stage.ask(say(stage.ann, "lost"))
    stage.store.fails = False
    await stage.tick_after(DOUBT_SECONDS / 2)
    assert stage.ann.got == []
    MemoryStore.commit_nowait(stage.store, [Draft("late", ROOM, "ann", "found", 0)])
    await stage.tick_after(DOUBT_SECONDS / 2)
    assert stage.ann.got == ["2 ann: found"]
    read_so_far = len(stage.store.pages)
    await stage.tick_after(DOUBT_SECONDS)
    assert len(stage.store.pages) == read_so_far


async def test_members_receive_nothing_while_earlier_events_cannot_be_read(stage: Stage) -> None:
    stage.store.loses()
    await stage.ask(say(stage.ann, "one"))
    stage.store.loses_answers = False
    await stage.ask(say(stage.ann, "two", ref="r2"))
    assert stage.ann.got == ["ack r2 3"]
    stage.store.reads_fail = False
    await stage.ask(say(stage.ann, "three"))
    assert stage.ann.got == ["ack r2 3", "2 ann: one", "3 ann: two", "4 ann: three"]


async def test_a_member_that_joins_a_room_behind_receives_each_event_once(stage: Stage) -> None:
    stage.store.loses()
    await stage.ask(say(stage.ann, "one"))
    bob = await stage.join("bob", encoding=V2)
    assert (bob.admission.cut, bob.got) == (1, [])
    stage.store.loses(is_on=False)
    await stage.ask(Tick())
    assert bob.got == ["2 ann: one", "3 * bob has joined the chat"]


async def test_a_room_that_is_far_behind_is_read_page_by_page(stage: Stage) -> None:
    stage.store.loses()
    for _ in range(4):
        await stage.ask(*(say(stage.ann, "hi") for _ in range(60)))
    stage.ann.forget()
    stage.store.loses(is_on=False)
    await stage.ask(say(stage.ann, "last"))
    assert [frame.split()[0] for frame in stage.ann.got] == [str(seq) for seq in range(2, 243)]
    assert stage.store.pages[:3] == [(1, 100), (101, 100), (201, 40)]


async def test_a_room_that_is_behind_can_be_closed(stage: Stage) -> None:
    bob = await stage.join("bob", room="dev")
    stage.store.loses()
    await stage.ask(say(bob, "hi", "dev"), leave(bob))
    await stage.tick_after(QUIET_SECONDS)
    stage.store.loses(is_on=False)
    await stage.ask(Tick())
    assert stage.store.pages == []
    assert (await stage.join("bob", room="dev")).got[0] == "1 * bob has joined the chat"


async def test_a_room_that_cannot_be_closed_is_closed_later(stage: Stage) -> None:
    await stage.ask(leave(await stage.join("bob", room="dev")))
    for fails, head in (True, 2), (False, 0):
        stage.store.fails = fails
        await stage.tick_after(QUIET_SECONDS)
        assert (await MemoryStore.positions(stage.store, ["dev"]))["dev"].head == head


async def test_a_read_marker_of_unknown_outcome_is_not_served_from_memory(stage: Stage) -> None:
    bob = await stage.join("bob", encoding=V2)
    await stage.ask(say(stage.ann, "one"), say(stage.ann, "two"))
    await stage.ask(read(bob, 1))
    recent, epoch = stage.hub.recent, stage.hub._rooms.by_name[ROOM].epoch
    stage.store.loses_answers = True
    await stage.ask(read(stage.ann, 2))
    stage.store.loses_answers = False
    assert recent.marks(ROOM, epoch, ["ann"]) is None
    assert recent.marks(ROOM, epoch, ["bob"]) == {"bob": 1}
    await stage.ask(read(stage.ann, 3))
    assert recent.marks(ROOM, epoch, ["ann"]) == {"ann": 3}

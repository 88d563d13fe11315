"""Outages of the store: the hub refuses requests, sends nothing unstored, and catches up."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from tests.hub.scene import ROOM, Recorder, Scene, delete, forget, join, leave, read, say, types
from trio_chat.errors import Outage
from trio_chat.hub.heads import DOUBT_SECONDS
from trio_chat.hub.limits import QUIET_SECONDS
from trio_chat.hub.requests import Tick
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Draft
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


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def scene(watched: Scene) -> Scene:
    return watched


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    """A member that has received event 1, its own join."""
    (ann,) = await scene.members("ann", encoding=V2)
    return ann


async def test_requests_that_cannot_be_stored_are_answered_unavailable(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    bob = await scene.join("bob")
    forget(ann, bob)
    store.fails = True
    await scene.ask(say(ann, "hi", ref="r1"), say(bob, "ho"), delete(ann, "x"), types(bob))
    await scene.ask(read(ann, 1))
    assert ann.errors == [("unavailable", ref, ROOM) for ref in ("r1", None, None)]
    assert bob.errors == [("unavailable", None, ROOM)]
    assert ann.got == bob.got == ["bob types"]


async def test_hub_continues_after_an_outage_that_drops_only_notices(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.fails = True
    bob = await scene.join("bob", encoding=V2)
    await scene.ask(leave(bob), say(ann, "hi", ref="r1"))
    store.fails = False
    await scene.ask(say(ann, "hi", ref="r1"))
    assert ann.got == ["+bob 2", "-bob 1", "ack r1 2", "2 ann: hi"]


@pytest.mark.parametrize("encoding", [Encoding.PLAIN, V2])
async def test_hub_refuses_joins_of_rooms_that_cannot_be_read(
    scene: Scene, store: FailingStore, encoding: Encoding
) -> None:
    store.fails = True
    ann = Recorder(encoding, Author("ann", "a"))
    await scene.ask(join(ann, "ann"))
    assert not ann.is_admitted
    assert ann.errors == [("unavailable", None, ROOM)]
    store.fails = False
    await scene.ask(join(ann, "ann"))


async def test_an_event_stored_despite_an_outage_precedes_the_next(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    bob = await scene.join("bob")
    forget(ann, bob)
    store.loses()
    await scene.ask(say(ann, "one", ref="r1"))
    assert (ann.got, bob.got) == ([], [])
    assert ann.errors == [("unavailable", "r1", ROOM)]
    store.loses(is_on=False)
    await scene.ask(say(bob, "two"))
    assert bob.got == ["3 ann: one", "4 bob: two"]
    assert ann.got == ["3 ann: one", "4 bob: two"]
    await scene.ask(say(ann, "one", ref="r1"))
    assert ann.got[2:] == ["ack r1 3 again"]
    assert store.pages[0] == (2, 1)


async def test_an_event_stored_despite_an_outage_arrives_without_a_next(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.loses()
    await scene.ask(say(ann, "one", ref="r1"))
    await scene.ask(Tick())
    assert ann.got == []
    store.loses(is_on=False)
    await scene.ask(Tick())
    assert ann.got == ["2 ann: one"]
    assert store.pages[0] == (1, 100)


async def test_an_event_stored_long_after_an_outage_arrives(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.fails = True
    await scene.ask(say(ann, "lost"))
    store.fails = False
    await scene.tick_after(DOUBT_SECONDS / 2)
    assert ann.got == []
    MemoryStore.commit_nowait(store, [Draft("late", ROOM, "ann", "found", 0)])
    await scene.tick_after(DOUBT_SECONDS / 2)
    assert ann.got == ["2 ann: found"]
    read_so_far = len(store.pages)
    await scene.tick_after(DOUBT_SECONDS)
    assert len(store.pages) == read_so_far


async def test_members_receive_nothing_while_earlier_events_cannot_be_read(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.loses()
    await scene.ask(say(ann, "one"))
    store.loses_answers = False
    await scene.ask(say(ann, "two", ref="r2"))
    assert ann.got == ["ack r2 3"]
    store.reads_fail = False
    await scene.ask(say(ann, "three"))
    assert ann.got == ["ack r2 3", "2 ann: one", "3 ann: two", "4 ann: three"]


async def test_a_member_that_joins_a_room_behind_receives_each_event_once(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.loses()
    await scene.ask(say(ann, "one"))
    bob = await scene.join("bob", encoding=V2)
    assert (bob.admission.cut, bob.got) == (1, [])
    store.loses(is_on=False)
    await scene.ask(Tick())
    assert bob.got == ["2 ann: one", "3 * bob has joined the chat"]


async def test_a_room_that_is_far_behind_is_read_page_by_page(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    store.loses()
    for _ in range(4):
        await scene.ask(*(say(ann, "hi") for _ in range(60)))
    ann.forget()
    store.loses(is_on=False)
    await scene.ask(say(ann, "last"))
    assert [frame.split()[0] for frame in ann.got] == [str(seq) for seq in range(2, 243)]
    assert store.pages[:3] == [(1, 100), (101, 100), (201, 40)]


async def test_a_room_that_is_behind_can_be_closed(scene: Scene, store: FailingStore) -> None:
    ann = await scene.join("ann")
    store.loses()
    await scene.ask(say(ann, "hi"), leave(ann))
    await scene.tick_after(QUIET_SECONDS)
    store.loses(is_on=False)
    await scene.ask(Tick())
    assert store.pages == []
    bob = await scene.join("bob")
    assert bob.got[0] == "1 * bob has joined the chat"


async def test_a_room_that_cannot_be_closed_is_closed_later(
    scene: Scene, store: FailingStore
) -> None:
    ann = await scene.join("ann")
    await scene.ask(leave(ann))
    store.fails = True
    await scene.tick_after(QUIET_SECONDS)
    assert (await MemoryStore.positions(store, [ROOM]))[ROOM].head == 2
    store.fails = False
    await scene.ask(Tick())
    assert (await store.positions([ROOM]))[ROOM].head == 0


async def test_a_read_marker_of_unknown_outcome_is_not_served_from_memory(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    bob = await scene.join("bob", encoding=V2)
    await scene.ask(say(ann, "one"), say(ann, "two"))
    await scene.ask(read(bob, 1))
    recent, epoch = scene.hub.recent, scene.hub._rooms.by_name[ROOM].epoch
    store.loses_answers = True
    await scene.ask(read(ann, 2))
    store.loses_answers = False
    assert recent.marks(ROOM, epoch, ["ann"]) is None
    assert recent.marks(ROOM, epoch, ["bob"]) == {"bob": 1}
    await scene.ask(read(ann, 3))
    assert recent.marks(ROOM, epoch, ["ann"]) == {"ann": 3}

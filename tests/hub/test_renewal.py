"""A store that holds another history: every member is admitted again."""

import copy
from collections.abc import Collection, Mapping, Sequence

import pytest
import trio
import trio.testing

from tests.hub.scene import ROOM, Recorder, Scene, forget, join, leave, read, say, types
from trio_chat.access.names import prepare_name
from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.hub import renewal
from trio_chat.hub.limits import A_TURN
from trio_chat.hub.requests import Join, Tick
from trio_chat.protocol.commands import LeaveRoom, ReadMarker, Since
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, StreamPosition
from trio_chat.store.memory import MemoryStore

V2 = Encoding.VERSION_2


class ReplacedStore(MemoryStore):
    """A store without `commit_nowait`, which an older copy can replace.

    While it is down, every call fails, except an append.
    """

    commit_nowait = None  # type: ignore[assignment]
    is_found_by_append = is_down = False

    def copy(self) -> MemoryStore:
        kept = MemoryStore()
        kept._rooms = copy.deepcopy(self._rooms)
        return kept

    async def put_back(self, kept: MemoryStore, *, is_found: bool = True) -> None:
        """Restore a copy; with a new epoch if the store discovers that itself."""
        self._rooms = kept._rooms
        self._done.clear()
        if is_found:
            await MemoryStore.take_new_epoch(self, self.epoch)

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        if self.is_found_by_append:
            self.is_found_by_append = False
            await MemoryStore.take_new_epoch(self, self.epoch)
            raise HistoryReplaced("another history")
        await trio.lowlevel.checkpoint()
        return MemoryStore.commit_nowait(self, drafts, marks)

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        self._check()
        return await super().positions(rooms)

    async def take_new_epoch(self, known: str) -> str:
        self._check()
        return await super().take_new_epoch(known)

    def _check(self) -> None:
        if self.is_down:
            raise Outage("disk full")


@pytest.fixture
def store() -> ReplacedStore:
    return ReplacedStore()


@pytest.fixture
def scene(watched: Scene) -> Scene:
    return watched


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    """A member that has received event 1, its own join."""
    (ann,) = await scene.members("ann", encoding=V2)
    return ann


async def lose_a_message(
    scene: Scene, store: ReplacedStore, ann: Recorder, *, is_found: bool = True
) -> None:
    """Restore an older copy: Ann has received event 2, which it lacks."""
    kept = store.copy()
    await scene.ask(say(ann, "lost"))
    await store.put_back(kept, is_found=is_found)
    ann.forget()


def is_admitted_anew(member: Recorder, store: MemoryStore, cut: int) -> bool:
    admission = member.admission
    epoch = store._rooms[ROOM].epoch
    return admission.join.is_renewal and (admission.epoch, admission.cut) == (epoch, cut)


async def test_hub_admits_all_members_to_the_new_history_without_notices(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    bob = await scene.join("bob")
    kept = store.copy()
    await scene.ask(join(ann, "ann", "dev"), say(ann, "lost"), say(ann, "lost too", "dev"))
    dev = ann.admission
    await store.put_back(kept)
    forget(ann, bob)
    await scene.ask(Tick())
    assert is_admitted_anew(bob, store, 2)
    assert ann.got == bob.got == []
    assert dev.sent is None or ann.admission is not dev
    assert {ann.admission.join.room} <= {ROOM, "dev"}
    assert await scene.stored() == ["1 *: ann has joined the chat", "2 *: bob has joined the chat"]
    await scene.ask(say(bob, "goes on"), say(ann, "here, too", "dev"))
    assert ann.got == ["3 bob: goes on", "1 ann: here, too"]
    assert bob.got == ["3 bob: goes on"]


async def test_a_pending_join_is_answered_from_the_new_history(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    kept = store.copy()
    await scene.ask(say(ann, "lost"))
    bob = Recorder(V2, waits=True)
    asked = Join(bob, ROOM, prepare_name("bob"), Since(1, "e"), "r")
    await scene.ask(asked)
    first = bob.admission
    await store.put_back(kept)
    await scene.ask(Tick())
    assert first.is_over
    assert not first.is_pending
    assert bob.admission.join.ref == "r"
    assert bob.admission.join.since == Since(1, "e")
    assert is_admitted_anew(bob, store, 1)
    first.activate([])  # it comes too late
    assert bob.got == []


async def test_backlog_keeps_messages_of_the_new_history(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    bob = await scene.join("bob", encoding=V2)
    kept = store.copy()
    await scene.ask(say(bob, "lost"))
    await store.put_back(kept)
    ann.waits = True
    ann.forget()
    await scene.ask(Tick())
    await scene.ask(say(bob, "new"))
    assert ann.got == []
    ann.activate()
    assert ann.got == ["3 bob: new"]


async def test_a_room_opened_in_the_new_history_stays(
    scene: Scene, store: ReplacedStore, ann: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = store.positions

    async def positions_of_new_history(rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        return {
            room: StreamPosition("new", position.head)
            for room, position in (await positions(rooms)).items()
        }

    monkeypatch.setattr(store, "positions", positions_of_new_history)
    bob = await scene.join("bob", room="dev", encoding=V2)
    first = bob.admission
    assert first.epoch == "new"
    store.epoch = "new"
    await scene.ask(Tick())
    assert (ann.admission.epoch, ann.admission.cut) == ("new", 1)
    assert bob.admission is first
    assert first.sent == 1
    assert scene.hub.recent.takes_page("dev", "new", 1, 9)


async def test_a_batch_that_finds_another_history_is_committed_to_it(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    await lose_a_message(scene, store, ann, is_found=False)
    store.is_found_by_append = True
    await scene.ask(say(ann, "kept", ref="r"), read(ann, 2))
    assert ann.got == ["ack r 2"]
    assert ann.errors == []
    assert await store.marks(ROOM, ["ann"]) == {}
    await scene.ask(Tick())
    assert is_admitted_anew(ann, store, 2)


async def test_a_number_that_was_given_before_shows_another_history(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    begun = store.epoch
    await lose_a_message(scene, store, ann, is_found=False)
    await scene.ask(say(ann, "kept", ref="r"))
    assert ann.got == ["ack r 2"]
    assert store.epoch != begun
    await scene.ask(Tick())
    assert is_admitted_anew(ann, store, 2)
    await scene.ask(say(ann, "next"))
    assert ann.got == ["ack r 2", "3 ann: next"]


async def test_receipts_of_the_old_history_are_not_sent(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    bob = await scene.join("bob", encoding=V2)
    kept = store.copy()
    await scene.ask(say(ann, "lost"), read(bob, 2))
    await scene.ask(read(bob, 3))  # to be sent within a second
    await store.put_back(kept)
    ann.forget()
    await scene.tick_after(2)
    assert ann.got == []
    await scene.ask(read(bob, 1))
    assert ann.got == ["bob read 1"]
    await scene.ask(read(bob, 3))
    assert [code for code, _, _ in bob.errors] == ["bad_request"]


async def test_typing_continues_in_the_new_history(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    bob = await scene.join("bob", encoding=V2)
    await scene.ask(types(bob))
    kept = store.copy()
    await store.put_back(kept, is_found=False)
    store.is_found_by_append = True
    ann.forget()
    await scene.ask(leave(bob), say(ann, "here"))
    await scene.ask(Tick())
    assert is_admitted_anew(ann, store, 4)
    assert [name.shown for name in ann.admission.members] == ["ann"]


async def test_during_an_outage_the_renewal_sends_nothing_and_refuses_joins(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    await lose_a_message(scene, store, ann)
    store.is_down = True
    bob = await scene.join("bob", encoding=V2)
    await scene.ask(say(ann, "not stored", ref="r"))
    assert [code for code, _, _ in bob.errors] == ["unavailable"]
    assert ann.errors == [("unavailable", "r", ROOM)]
    assert ann.got == []
    store.is_down = False
    await scene.ask(Tick())
    assert is_admitted_anew(ann, store, 1)


async def test_the_renewal_waits_for_a_new_epoch(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    begun = store.epoch
    await lose_a_message(scene, store, ann, is_found=False)
    store.is_down = True
    bob = Recorder(V2)
    await scene.ask(say(ann, "kept", ref="r"))
    await scene.ask(join(bob, "bob"))
    assert ann.got == ["ack r 2"]
    assert [code for code, _, _ in bob.errors] == ["unavailable"]
    assert store.epoch == begun
    store.is_down = False
    await scene.ask(Tick())
    assert store.epoch != begun
    assert is_admitted_anew(ann, store, 2)


async def test_a_member_that_leaves_during_the_renewal_is_not_admitted(
    scene: Scene, store: ReplacedStore, ann: Recorder
) -> None:
    bob = await scene.join("bob", encoding=V2)
    eve = await scene.join("eve", encoding=V2, waits=True)
    before = bob.admission, eve.admission
    await store.put_back(store.copy())
    store.is_down = True
    await scene.ask(Tick())
    bob.forget()
    await scene.ask(leave(bob), LeaveRoom(ROOM, "r", member=eve))
    store.is_down = False
    await scene.ask(Tick())
    assert (bob.admission, eve.admission) == before
    assert bob.got == []
    assert eve.got == ["ack r"]
    assert is_admitted_anew(ann, store, 3)


async def test_the_renewal_admits_some_members_at_a_time(
    scene: Scene, store: ReplacedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_ADMITTED_AT_ONCE", 2)
    monkeypatch.setattr(renewal, "_MOST_PENDING", 3)
    members = [await scene.join(f"u{number}", encoding=V2) for number in range(8)]
    for member in members:
        member.waits = True
        member.admission = None  # type: ignore[assignment]
    await store.put_back(store.copy())
    await scene.ask(Tick())
    admitted: list[int] = []
    for _ in range(6):
        ready = [one for one in members if one.is_admitted and one.admission.is_pending]
        admitted.append(len(ready))
        for one in ready:
            one.activate()
        await scene.ask(Tick())
    assert sum(admitted) == len(members)
    assert max(admitted) == 3


async def test_a_member_whose_departure_waits_is_not_admitted(
    scene: Scene, store: ReplacedStore
) -> None:
    # Each is in two rooms, so more leave than one turn announces.
    members = [await scene.join(f"u{number}", encoding=V2) for number in range(A_TURN // 2 + 1)]
    for number, member in enumerate(members):
        await scene.ask(join(member, f"u{number}", "dev"))
        member.admission = None  # type: ignore[assignment]
    await store.put_back(store.copy())
    scene.put(*(leave(member) for member in members))
    await trio.testing.wait_all_tasks_blocked()
    assert not any(member.is_admitted for member in members)


async def test_a_second_renewal_follows_a_replacement_during_the_first(
    scene: Scene, store: ReplacedStore, ann: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = store.positions
    kept = store.copy()
    await scene.ask(say(ann, "lost"))

    async def replaced_meanwhile(rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        monkeypatch.setattr(store, "positions", positions)
        found = await positions(rooms)
        await store.put_back(kept)
        return found

    await store.put_back(store.copy())
    monkeypatch.setattr(store, "positions", replaced_meanwhile)
    await scene.ask(Tick())
    assert is_admitted_anew(ann, store, 1)


async def test_a_history_replaced_repeatedly_is_an_outage(
    scene: Scene, store: ReplacedStore, ann: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:  # noqa: ARG001
        await MemoryStore.take_new_epoch(store, store.epoch)
        raise HistoryReplaced("another history")

    monkeypatch.setattr(store, "append", never)
    await scene.ask(say(ann, "hello", ref="r"))
    assert ann.errors == [("unavailable", "r", ROOM)]


async def test_empty_rooms_move_as_well(scene: Scene, store: ReplacedStore, ann: Recorder) -> None:
    kept = store.copy()
    await scene.ask(say(ann, "lost"), leave(ann))
    await store.put_back(kept)
    await scene.ask(Tick())
    bob = await scene.join("bob", encoding=V2)
    assert (bob.admission.epoch, bob.admission.cut) == (store._rooms[ROOM].epoch, 1)
    assert not bob.admission.join.is_renewal


@pytest.mark.parametrize("call", ["positions", "take_new_epoch"])
async def test_a_member_that_joins_in_the_turn_of_the_renewal_receives_the_new_history(
    scene: Scene, store: ReplacedStore, ann: Recorder, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def fail(_: object) -> None:
        raise Outage(call)

    await lose_a_message(scene, store, ann, is_found=False)
    bob = Recorder(V2, waits=True)
    with monkeypatch.context() as patched:
        patched.setattr(store, call, fail)
        await scene.ask(join(bob, "bob"), say(ann, "kept"))
    await scene.ask(Tick())
    assert is_admitted_anew(bob, store, 3)

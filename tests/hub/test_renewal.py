"""A store that holds another history: every member is admitted again."""

import copy
from collections.abc import Collection, Mapping, Sequence

import pytest
import trio
import trio.testing

from tests.hub.scene import ROOM, AnnScene, Recorder, forget, join, leave, read, say, types
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


class Stage(AnnScene):
    """The scene on such a store."""

    store: ReplacedStore

    async def lose_a_message(self, *, is_found: bool = True) -> None:
        """Restore an older copy: Ann has received event 2, which it lacks."""
        kept = self.store.copy()
        await self.ask(say(self.ann, "lost"))
        await self.store.put_back(kept, is_found=is_found)
        self.ann.forget()

    def has_renewed(self, member: Recorder, cut: int) -> bool:
        """Return whether the hub admitted a member again, to the present history."""
        admission, epoch = member.admission, self.store._rooms[ROOM].epoch
        return admission.join.is_renewal and (admission.epoch, admission.cut) == (epoch, cut)


@pytest.fixture
async def stage(nursery: trio.Nursery) -> Stage:
    stage = Stage(ReplacedStore())
    await stage.begin(nursery)
    return stage


async def test_hub_admits_all_members_to_the_new_history_without_notices(stage: Stage) -> None:
    bob = await stage.join("bob")
    kept = stage.store.copy()
    await stage.ask(
        join(stage.ann, "ann", "dev"), say(stage.ann, "lost"), say(stage.ann, "lost too", "dev")
    )
    dev = stage.ann.admission
    await stage.store.put_back(kept)
    forget(stage.ann, bob)
    await stage.ask(Tick())
    assert stage.has_renewed(bob, 2)
    assert stage.ann.got == bob.got == []
    assert dev.sent is None or stage.ann.admission is not dev
    assert {stage.ann.admission.join.room} <= {ROOM, "dev"}
    assert await stage.stored() == ["1 *: ann has joined the chat", "2 *: bob has joined the chat"]
    await stage.ask(say(bob, "goes on"), say(stage.ann, "here, too", "dev"))
    assert stage.ann.got == ["3 bob: goes on", "1 ann: here, too"]
    assert bob.got == ["3 bob: goes on"]


async def test_a_pending_join_is_answered_from_the_new_history(stage: Stage) -> None:
    kept = stage.store.copy()
    await stage.ask(say(stage.ann, "lost"))
    bob = Recorder(V2, waits=True)
    asked = Join(bob, ROOM, prepare_name("bob"), Since(1, "e"), "r")
    await stage.ask(asked)
    first = bob.admission
    await stage.store.put_back(kept)
    await stage.ask(Tick())
    assert first.is_over
    assert not first.is_pending
    assert bob.admission.join.ref == "r"
    assert bob.admission.join.since == Since(1, "e")
    assert stage.has_renewed(bob, 1)
    first.activate([])  # it comes too late
    assert bob.got == []


async def test_backlog_keeps_messages_of_the_new_history(stage: Stage) -> None:
    bob = await stage.join("bob", encoding=V2)
    kept = stage.store.copy()
    await stage.ask(say(bob, "lost"))
    await stage.store.put_back(kept)
    stage.ann.waits = True
    stage.ann.forget()
    await stage.ask(Tick())
    await stage.ask(say(bob, "new"))
    assert stage.ann.got == []
    stage.ann.activate()
    assert stage.ann.got == ["3 bob: new"]


async def test_rooms_of_the_new_history_stay(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    positions = stage.store.positions

    async def positions_of_new_history(rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        return {
            room: StreamPosition("new", position.head)
            for room, position in (await positions(rooms)).items()
        }

    monkeypatch.setattr(stage.store, "positions", positions_of_new_history)
    bob = await stage.join("bob", room="dev", encoding=V2)
    first = bob.admission
    assert first.epoch == "new"
    stage.store.epoch = "new"
    await stage.ask(Tick())
    assert (stage.ann.admission.epoch, stage.ann.admission.cut) == ("new", 1)
    assert bob.admission is first
    assert first.sent == 1
    assert stage.hub.recent.takes_page("dev", "new", 1, 9)


async def test_a_batch_that_finds_another_history_is_committed_to_it(stage: Stage) -> None:
    await stage.lose_a_message(is_found=False)
    stage.store.is_found_by_append = True
    await stage.ask(say(stage.ann, "kept", ref="r"), read(stage.ann, 2))
    assert stage.ann.got == ["ack r 2"]
    assert stage.ann.errors == []
    assert await stage.store.marks(ROOM, ["ann"]) == {}
    await stage.ask(Tick())
    assert stage.has_renewed(stage.ann, 2)


async def test_a_number_that_was_given_before_shows_another_history(stage: Stage) -> None:
    begun = stage.store.epoch
    await stage.lose_a_message(is_found=False)
    await stage.ask(say(stage.ann, "kept", ref="r"))
    assert stage.ann.got == ["ack r 2"]
    assert stage.store.epoch != begun
    await stage.ask(Tick())
    assert stage.has_renewed(stage.ann, 2)
    await stage.ask(say(stage.ann, "next"))
    assert stage.ann.got == ["ack r 2", "3 ann: next"]


async def test_receipts_of_the_old_history_are_not_sent(stage: Stage) -> None:
    bob = await stage.join("bob", encoding=V2)
    kept = stage.store.copy()
    await stage.ask(say(stage.ann, "lost"), read(bob, 2))
    await stage.ask(read(bob, 3))  # to be sent within a second
    await stage.store.put_back(kept)
    stage.ann.forget()
    await stage.tick_after(2)
    assert stage.ann.got == []
    await stage.ask(read(bob, 1))
    assert stage.ann.got == ["bob read 1"]
    await stage.ask(read(bob, 3))
    assert [code for code, _, _ in bob.errors] == ["bad_request"]


async def test_typing_continues_in_the_new_history(stage: Stage) -> None:
    bob = await stage.join("bob", encoding=V2)
    await stage.ask(types(bob))
    kept = stage.store.copy()
    await stage.store.put_back(kept, is_found=False)
    stage.store.is_found_by_append = True
    stage.ann.forget()
    await stage.ask(leave(bob), say(stage.ann, "here"))
    await stage.ask(Tick())
    assert stage.has_renewed(stage.ann, 4)
    assert [name.shown for name in stage.ann.admission.members] == ["ann"]


async def test_during_an_outage_the_renewal_sends_nothing_and_refuses_joins(stage: Stage) -> None:
    await stage.lose_a_message()
    stage.store.is_down = True
    bob = await stage.join("bob", encoding=V2)
    await stage.ask(say(stage.ann, "not stored", ref="r"))
    assert [code for code, _, _ in bob.errors] == ["unavailable"]
    assert stage.ann.errors == [("unavailable", "r", ROOM)]
    assert stage.ann.got == []
    stage.store.is_down = False
    await stage.ask(Tick())
    assert stage.has_renewed(stage.ann, 1)


async def test_the_renewal_waits_for_a_new_epoch(stage: Stage) -> None:
    begun = stage.store.epoch
    await stage.lose_a_message(is_found=False)
    stage.store.is_down = True
    bob = Recorder(V2)
    await stage.ask(say(stage.ann, "kept", ref="r"))
    await stage.ask(join(bob, "bob"))
    assert stage.ann.got == ["ack r 2"]
    assert [code for code, _, _ in bob.errors] == ["unavailable"]
    assert stage.store.epoch == begun
    stage.store.is_down = False
    await stage.ask(Tick())
    assert stage.store.epoch != begun
    assert stage.has_renewed(stage.ann, 2)


async def test_a_member_that_leaves_during_the_renewal_is_not_admitted(stage: Stage) -> None:
    bob = await stage.join("bob", encoding=V2)
    eve = await stage.join("eve", encoding=V2, waits=True)
    before = bob.admission, eve.admission
    await stage.store.put_back(stage.store.copy())
    stage.store.is_down = True
    await stage.ask(Tick())
    bob.forget()
    await stage.ask(leave(bob), LeaveRoom(ROOM, "r", member=eve))
    stage.store.is_down = False
    await stage.ask(Tick())
    assert (bob.admission, eve.admission) == before
    assert bob.got == []
    assert eve.got == ["ack r"]
    assert stage.has_renewed(stage.ann, 3)


async def test_members_are_admitted_in_parts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "_ADMITTED_AT_ONCE", 2)
    monkeypatch.setattr(renewal, "_MOST_PENDING", 3)
    members = [await stage.join(f"u{number}", encoding=V2) for number in range(8)]
    for member in members:
        member.waits = True
        member.admission = None  # type: ignore[assignment]
    await stage.store.put_back(stage.store.copy())
    await stage.ask(Tick())
    admitted: list[int] = []
    for _ in range(6):
        ready = [one for one in members if one.is_admitted and one.admission.is_pending]
        admitted.append(len(ready))
        for one in ready:
            one.activate()
        await stage.ask(Tick())
    assert sum(admitted) == len(members)
    assert max(admitted) == 3


async def test_a_member_whose_departure_waits_is_not_admitted(stage: Stage) -> None:
    # Each is in two rooms, so more leave than one turn announces.
    members = [await stage.join(f"u{number}", encoding=V2) for number in range(A_TURN // 2 + 1)]
    for number, member in enumerate(members):
        await stage.ask(join(member, f"u{number}", "dev"))
        member.admission = None  # type: ignore[assignment]
    await stage.store.put_back(stage.store.copy())
    stage.put(*(leave(member) for member in members))
    await trio.testing.wait_all_tasks_blocked()
    assert not any(member.is_admitted for member in members)


async def test_a_second_renewal_follows_a_replacement_during_the_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = stage.store.positions
    kept = stage.store.copy()
    await stage.ask(say(stage.ann, "lost"))

    async def replaced_meanwhile(rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        monkeypatch.setattr(stage.store, "positions", positions)
        found = await positions(rooms)
        await stage.store.put_back(kept)
        return found

    await stage.store.put_back(stage.store.copy())
    monkeypatch.setattr(stage.store, "positions", replaced_meanwhile)
    await stage.ask(Tick())
    assert stage.has_renewed(stage.ann, 1)


async def test_a_history_replaced_repeatedly_is_an_outage(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:  # noqa: ARG001
        await MemoryStore.take_new_epoch(stage.store, stage.store.epoch)
        raise HistoryReplaced("another history")

    monkeypatch.setattr(stage.store, "append", never)
    await stage.ask(say(stage.ann, "hello", ref="r"))
    assert stage.ann.errors == [("unavailable", "r", ROOM)]


async def test_empty_rooms_move_as_well(stage: Stage) -> None:
    kept = stage.store.copy()
    await stage.ask(say(stage.ann, "lost"), leave(stage.ann))
    await stage.store.put_back(kept)
    await stage.ask(Tick())
    bob = await stage.join("bob", encoding=V2)
    assert (bob.admission.epoch, bob.admission.cut) == (stage.store._rooms[ROOM].epoch, 1)
    assert not bob.admission.join.is_renewal


@pytest.mark.parametrize("call", ["positions", "take_new_epoch"])
async def test_a_member_that_joins_in_the_turn_of_the_renewal_receives_the_new_history(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def fail(_: object) -> None:
        raise Outage(call)

    await stage.lose_a_message(is_found=False)
    bob = Recorder(V2, waits=True)
    with monkeypatch.context() as patched:
        patched.setattr(stage.store, call, fail)
        await stage.ask(join(bob, "bob"), say(stage.ann, "kept"))
    await stage.ask(Tick())
    assert stage.has_renewed(bob, 3)

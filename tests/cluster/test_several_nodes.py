"""Other nodes append to the same store: received, missing and published events."""

from collections.abc import Sequence
from functools import partial

import attrs
import pytest
import trio
import trio.testing
from attrs import Factory, define
from structlog.testing import capture_logs

from tests.hub.scene import ROOM, WALL_MS, Recorder, Scene, delete, edit, forget, join, leave, say
from tests.hub.test_outages import FailingStore
from tests.support.clocks import jump
from trio_chat.backplane.base import Listener
from trio_chat.cluster import positions
from trio_chat.cluster.envelope import Envelope, EventsStored, pack, unpack
from trio_chat.cluster.positions import COMPARE_SECONDS, GAP_SECONDS, UNCONNECTED_SECONDS
from trio_chat.errors import DamagedData
from trio_chat.hub import heads
from trio_chat.hub.requests import InTurn, Join, Request, Tick
from trio_chat.protocol.commands import Since
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Draft, Event, Kind
from trio_chat.protocol.names import prepare_name
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore

V2 = Encoding.VERSION_2


@define
class Published:
    """A backplane that keeps all payloads. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared: bool = True
    last_error: str | None = None
    payloads: list[bytes] = Factory(list)

    def publish(self, payload: bytes) -> None:
        """Keep the payload."""
        self.payloads.append(payload)

    async def flush(self) -> None:
        """Do nothing."""

    async def run(self, listener: Listener) -> None:
        """Receive nothing."""

    def events(self) -> list[Event]:
        """Return the published events."""
        envelopes = map(unpack, self.payloads)
        said = [one for envelope in envelopes for one in envelope.messages]
        return [event for one in said if isinstance(one, EventsStored) for event in one.events]


class Elsewhere:
    """Another node on the same store."""

    def __init__(self, scene: Scene, store: MemoryStore) -> None:
        self._scene = scene
        self._store = store
        self._numbers = iter(range(1, 1 << 30))

    def stores(self, *texts: str, room: str = ROOM, ref: str | None = None) -> Sequence[Event]:
        """Append messages of Eve, and return the events."""
        author = Author("eve", "e") if ref is not None else None
        drafts = [
            Draft(f"e-{text}", room, "eve", text, WALL_MS, author=author, ref=ref) for text in texts
        ]
        commit = MemoryStore.commit_nowait(self._store, drafts)
        return [outcome.event for outcome in commit.outcomes]  # type: ignore[union-attr]

    def envelope(self, events: Sequence[Event]) -> Envelope:
        """Return an envelope with these events."""
        messages = (EventsStored(tuple(events)),)
        return Envelope("n2", next(self._numbers), messages, self._store.epoch, WALL_MS)

    def heard(self, events: Sequence[Event]) -> InTurn:
        """Return the request that applies such an envelope."""
        envelopes = [self.envelope(events)]
        return InTurn(partial(self._scene.cluster.receive, envelopes, lambda: None))


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def backplane() -> Published:
    return Published()


@pytest.fixture
async def scene(store: FailingStore, backplane: Published, nursery: trio.Nursery) -> Scene:
    scene = Scene(store, backplane=backplane)
    nursery.start_soon(scene.hub.run)
    await scene.ask(InTurn(scene.cluster.connected))
    return scene


@pytest.fixture
def elsewhere(scene: Scene, store: FailingStore) -> Elsewhere:
    return Elsewhere(scene, store)


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    """She has seen 1, that she joined."""
    (ann,) = await scene.members("ann", encoding=V2)
    return ann


# --- what is said --------------------------------------------------------------------------------


async def test_a_node_publishes_committed_events_only(
    scene: Scene, store: FailingStore, backplane: Published, ann: Recorder
) -> None:
    await scene.ask(say(ann, "hi"), edit(ann, "id-2", "ho"), delete(ann, "id-2"))
    store.fails = True
    await scene.ask(say(ann, "lost"))
    told = [(event.seq, event.kind, event.username, event.message) for event in backplane.events()]
    assert told == [
        (1, Kind.JOINED, "ann", "ann has joined the chat"),
        (2, Kind.MESSAGE, "ann", "hi"),
        (3, Kind.EDITED, "ann", "ho"),
        (4, Kind.DELETED, "ann", ""),
    ]


async def test_a_turn_publishes_one_numbered_envelope(
    scene: Scene, backplane: Published, ann: Recorder
) -> None:
    backplane.payloads.clear()
    await scene.ask(say(ann, "one"), say(ann, "two"))
    await scene.ask(say(ann, "three"))
    first, second = map(unpack, backplane.payloads)
    assert (first.node, second.number) == ("id", first.number + 1)


async def test_the_next_event_is_sent_without_the_store(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(elsewhere.heard(elsewhere.stores("one", "two")))
    await scene.ask(elsewhere.heard(elsewhere.stores("three")))
    assert ann.got == ["2 eve: one", "3 eve: two", "4 eve: three"]
    assert store.pages == []


async def test_repeated_events_are_dropped(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    events = elsewhere.stores("one", "two")
    await scene.ask(elsewhere.heard(events), elsewhere.heard(events))
    await scene.ask(elsewhere.heard(events[:1]))
    assert ann.got == ["2 eve: one", "3 eve: two"]


async def test_events_of_a_turn_are_put_in_order(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    one, two, three = elsewhere.stores("one", "two", "three")
    await scene.ask(elsewhere.heard([three]), elsewhere.heard([one, two]))
    assert ann.got == ["2 eve: one", "3 eve: two", "4 eve: three"]
    assert store.pages == []


async def test_missing_events_are_read_from_the_store(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    one, _, three = elsewhere.stores("one", "two", "three")
    await scene.ask(elsewhere.heard([one, three]))
    assert ann.got == ["2 eve: one", "3 eve: two", "4 eve: three"]
    assert len(store.pages) == 1


async def test_nothing_is_sent_while_missing_events_cannot_be_read(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    one, two, three = elsewhere.stores("one", "two", "three")
    store.reads_fail = True
    await scene.ask(elsewhere.heard([two]))
    await scene.ask(elsewhere.heard([one, two, three]))
    assert ann.got == []
    store.reads_fail = False
    await scene.ask()
    assert ann.got == ["2 eve: one", "3 eve: two", "4 eve: three"]


async def test_a_doubtful_room_sends_no_commit_before_a_received_event_it_dropped(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    store.fails = True
    await scene.ask(say(ann, "lost"))  # from now on, each turn reads the room
    store.fails = False
    await scene.ask()
    store.reads_fail = True
    await scene.ask(elsewhere.heard(elsewhere.stores("one")), say(ann, "two", ref="r1"))
    assert ann.got == ["ack r1 3"]
    store.reads_fail = False
    await scene.ask()
    assert ann.got == ["ack r1 3", "2 eve: one", "3 ann: two"]


async def test_received_events_precede_the_commit_of_a_turn(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(elsewhere.heard(elsewhere.stores("one")), say(ann, "two", ref="r1"))
    assert ann.got == ["ack r1 3", "2 eve: one", "3 ann: two"]
    assert store.pages == []


async def test_events_missing_before_a_commit_are_read(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    one, _ = elsewhere.stores("one", "two")
    await scene.ask(elsewhere.heard([one]), say(ann, "three"))
    assert ann.got == ["2 eve: one", "3 eve: two", "4 ann: three"]
    assert store.pages == [(1, 2)]


async def test_a_received_event_newer_than_the_commit_follows_it(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    theirs = Event(3, "e-2", ROOM, Kind.MESSAGE, "eve", "two", 0)
    await scene.ask(elsewhere.heard([theirs]), say(ann, "one"))
    assert ann.got == ["2 ann: one"]
    elsewhere.stores("two")
    await scene.tick_after(1)
    assert ann.got == ["2 ann: one", "3 eve: two"]


async def test_events_of_rooms_without_members_are_skipped(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(elsewhere.heard(elsewhere.stores("one", room="dev")))
    bob = await scene.join("bob", room="dev", encoding=V2)
    assert (ann.got, store.pages) == ([], [])
    assert bob.admission is not None
    assert bob.admission.cut == 1


async def test_a_member_that_joins_as_an_event_arrives_receives_it_once(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    bob = Recorder(V2, Author("bob", "b"), waits=True)
    await scene.ask(join(bob, "bob"), elsewhere.heard(elsewhere.stores("one")))
    assert bob.admission is not None
    assert bob.admission.cut == 2
    bob.activate()
    assert bob.got == ["3 * bob has joined the chat"]
    assert ann.got == ["2 eve: one", "+bob 2", "3 * bob has joined the chat"]


async def test_a_retry_on_another_node_is_a_repeat_and_brings_the_event(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere
) -> None:
    eve = Recorder(V2, Author("eve", "e"))
    await scene.ask(join(eve, "eve"))
    eve.forget()
    elsewhere.stores("one", ref="r1")
    await scene.ask(say(eve, "one", ref="r1"))
    assert eve.got == ["ack r1 2 again", "2 eve: one"]
    store.pages.clear()
    await scene.ask(say(eve, "one", ref="r1"))
    assert (eve.got[2:], store.pages) == (["ack r1 2 again"], [])


# --- what is lost --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [COMPARE_SECONDS, UNCONNECTED_SECONDS])
async def test_a_comparison_finds_lost_events_and_sooner_without_a_backplane(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder, seconds: float
) -> None:
    if seconds == UNCONNECTED_SECONDS:
        scene.put(InTurn(scene.cluster.disconnected))
    await scene.tick_after(0)
    elsewhere.stores("one")
    await scene.tick_after(seconds / 2)
    assert ann.got == []
    await scene.tick_after(seconds / 2)
    assert ann.got == ["2 eve: one"]


async def test_a_reconnected_node_finds_lost_events_at_once(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.tick_after(0)
    elsewhere.stores("one")
    await scene.tick_after(0)
    assert ann.got == []
    scene.put(InTurn(scene.cluster.connected))
    await scene.tick_after(0)
    assert ann.got == ["2 eve: one"]


async def test_a_missing_envelope_starts_a_comparison_at_a_bounded_rate(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(elsewhere.heard(()))
    for _ in range(2):
        await scene.tick_after(GAP_SECONDS)
    elsewhere.stores("one")
    elsewhere.heard(())  # is lost
    await scene.ask(elsewhere.heard(()))
    assert ann.got == ["2 eve: one"]
    elsewhere.stores("two")
    elsewhere.heard(())
    await scene.ask(elsewhere.heard(()))
    assert ann.got == ["2 eve: one"]
    await scene.tick_after(GAP_SECONDS)
    assert ann.got == ["2 eve: one", "3 eve: two"]


async def test_a_new_node_starts_a_comparison(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.tick_after(GAP_SECONDS)
    elsewhere.stores("one")
    await scene.ask(elsewhere.heard(()))
    assert ann.got == ["2 eve: one"]


async def test_a_failed_comparison_is_repeated_after_the_outage(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    store.fails = True
    await scene.tick_after(COMPARE_SECONDS)
    store.fails = False
    elsewhere.stores("one")
    await scene.tick_after(0)
    assert ann.got == ["2 eve: one"]


async def test_many_rooms_are_compared_and_read_in_parts(
    scene: Scene, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "_COMPARED_AT_ONCE", 8)
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 3)
    rooms = [f"room-{number}" for number in range(20)]
    members = [await scene.join(f"user-{room}", room=room, encoding=V2) for room in rooms]
    await scene.tick_after(COMPARE_SECONDS)
    for _ in range(3):
        await scene.ask(Tick())
    for room in rooms:
        elsewhere.stores(room, room=room)
    forget(*members)
    await scene.tick_after(COMPARE_SECONDS)
    assert 0 < sum(bool(member.got) for member in members) <= 2 * 3
    await scene.ask(say(members[0], "hi", rooms[0]))
    for _ in range(9):
        await scene.ask(Tick())
    assert [member.got[0] for member in members] == [f"2 eve: {room}" for room in rooms]
    assert members[0].got == ["2 eve: room-0", "3 user-room-0: hi"]


async def test_rooms_beyond_one_batch_are_read_before_the_next_tick(
    scene: Scene, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 3)
    rooms = [f"room-{number}" for number in range(20)]
    members = [await scene.join(f"user-{room}", room=room, encoding=V2) for room in rooms]
    for room in rooms:
        elsewhere.stores(room, room=room)
    await scene.tick_after(COMPARE_SECONDS)
    await trio.testing.wait_all_tasks_blocked()
    assert [member.got[-1] for member in members] == [f"2 eve: {room}" for room in rooms]


async def test_a_head_that_was_heard_in_the_same_turn_replaces_no_history(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    epoch, events = store.epoch, elsewhere.stores("one")
    jump(COMPARE_SECONDS)
    await scene.ask(elsewhere.heard(events), Tick())
    assert ann.got == ["2 eve: one"]
    assert store.epoch == epoch


async def test_empty_rooms_are_not_compared(
    scene: Scene, store: FailingStore, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(leave(ann))
    elsewhere.stores("one")
    await scene.tick_after(COMPARE_SECONDS)
    assert store.pages == []


def in_memory(scene: Scene, room: str) -> list[str] | None:
    """Return the texts that a join receives without a read of the store."""
    page = scene.hub.recent.before(room, scene.hub._rooms[room].epoch, None, 50)
    return None if page is None else [event.message for event in page.events]


async def test_a_lost_deletion_does_not_leave_the_text_in_memory(
    scene: Scene, elsewhere: Elsewhere
) -> None:
    await scene.ask(elsewhere.heard(()))
    elsewhere.heard(())  # is lost
    ways: Sequence[Sequence[Request]] = (
        [elsewhere.heard(())],
        [InTurn(scene.cluster.disconnected)],
        [InTurn(scene.cluster.connected)],
    )
    for number, requests in enumerate(ways):
        room = f"room-{number}"  # a new room is in memory without a read
        ann = await scene.join("ann", room=room, encoding=V2)
        await scene.ask(say(ann, "secret", room))
        assert in_memory(scene, room) == ["ann has joined the chat", "secret"]
        await scene.ask(*requests)
        assert in_memory(scene, room) is None


async def test_a_read_overtaken_by_a_gap_is_not_kept_in_memory(
    scene: Scene, store: FailingStore, ann: Recorder
) -> None:
    await scene.ask(InTurn(scene.cluster.connected), say(ann, "secret"))
    for reach in ([], [InTurn(scene.cluster.connected)]):
        with scene.hub.recent.filling(ROOM) as filling:
            page = await store.read_before(ROOM, 1 << 60, 50)
            await scene.ask(*reach)
            filling.keep_page(page)
        assert (in_memory(scene, ROOM) is None) == bool(reach)


# --- what people know who come -------------------------------------------------------------------


def coming(room: str, since: int) -> tuple[Recorder, Join]:
    """Return a join of Ann after she received this many events on another node."""
    again = Recorder(V2, waits=True)
    return again, Join(again, room, prepare_name("ann"), Since(since, "the epoch"))


def cut(member: Recorder) -> int:
    """Return the cut of the newest subscription."""
    assert member.admission is not None
    return member.admission.cut


async def test_a_client_finds_the_events_it_received_on_another_node(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    elsewhere.stores("one", "two")
    again, coming_in = coming(ROOM, since=3)
    await scene.ask(coming_in)
    assert cut(again) == 3
    assert ann.got == ["2 eve: one", "3 eve: two"]


async def test_a_room_that_was_empty_catches_up_at_a_join(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    await scene.ask(leave(ann, may_return=True))
    elsewhere.stores("one")
    again, coming_in = coming(ROOM, since=1)
    await scene.ask(coming_in)
    assert cut(again) == 2


@pytest.mark.parametrize("what", ["fails", "reads_fail"])
async def test_a_client_ahead_of_this_node_is_refused_during_an_outage(
    scene: Scene, elsewhere: Elsewhere, store: FailingStore, ann: Recorder, what: str
) -> None:
    elsewhere.stores("one")
    setattr(store, what, True)
    again, coming_in = coming(ROOM, since=2)
    bob, others = coming(ROOM, since=1)
    await scene.ask(coming_in, others)
    assert again.errors == [("unavailable", None, ROOM)]
    assert (again.admission, cut(bob), ann.got) == (None, 1, [])
    setattr(store, what, False)
    await scene.ask(coming_in)
    assert (cut(again), ann.got) == (2, ["2 eve: one"])
    again.activate()
    assert again.got == []


async def test_damaged_events_do_not_refuse_a_join(
    scene: Scene,
    elsewhere: Elsewhere,
    store: FailingStore,
    ann: Recorder,  # noqa: ARG001 - she has the room open
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def damaged(room: str, after: int, limit: int) -> Page:
        raise DamagedData(f"no {room} {after} {limit}")

    elsewhere.stores("one")
    monkeypatch.setattr(store, "read_after", damaged)
    again, coming_in = coming(ROOM, since=2)
    await scene.ask(coming_in)
    assert (again.errors, cut(again)) == ([], 1)


async def test_a_joined_room_is_read_before_others_that_are_behind(
    scene: Scene, elsewhere: Elsewhere, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_READ_AT_ONCE", 1)
    for room in ("dev", "ops"):
        await scene.join("ann", room=room, encoding=V2)
    elsewhere.stores("one", room="dev")
    elsewhere.stores("two", room="ops")
    store.reads_fail = True
    await scene.ask(InTurn(scene.cluster.connected))
    store.reads_fail = False
    elsewhere.stores("three", room="ops")
    again, coming_in = coming("ops", since=3)
    await scene.ask(coming_in)
    assert cut(again) == 3


# --- what the store does not have ----------------------------------------------------------------


async def test_a_head_beyond_the_end_of_the_store_shows_another_history(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder, store: FailingStore
) -> None:
    lost = [
        Event(seq, f"x-{seq}", ROOM, Kind.MESSAGE, "eve", "never logged", WALL_MS) for seq in (2, 3)
    ]
    await scene.ask(elsewhere.heard(lost))
    begun = store.epoch
    await scene.tick_after(COMPARE_SECONDS)
    ann.forget()
    await scene.ask(Tick())
    assert store.epoch != begun
    assert cut(ann) == 1
    await scene.ask(elsewhere.heard(elsewhere.stores("one")))
    await scene.ask(elsewhere.heard(elsewhere.stores("two")))
    assert ann.got == ["2 eve: one", "3 eve: two"]


async def test_events_that_the_store_lost_leave_no_gap(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder, store: FailingStore
) -> None:
    elsewhere.stores("one", "two")

    async def lost(room: str, after: int, limit: int) -> Page:
        assert (room, after, limit) == (ROOM, 1, 2)
        return Page((), more=False)

    store.read_after = lost  # type: ignore[method-assign]
    await scene.ask(say(ann, "three", ref="r"))
    assert ann.got == ["ack r 4"]


async def test_a_comparison_with_a_store_about_to_be_renewed_waits_for_that(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder, store: FailingStore
) -> None:
    elsewhere.stores("one")
    store._rooms[ROOM].epoch = "another"
    await scene.tick_after(COMPARE_SECONDS)
    assert ann.got == []


async def test_a_repeated_event_delays_no_other_room(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    bob = await scene.join("bob", room="dev", encoding=V2)
    old = elsewhere.stores("one")
    await scene.ask(elsewhere.heard(old))
    await scene.ask(elsewhere.heard([*old, *elsewhere.stores("two", room="dev")]))
    assert (ann.got[-1], bob.got[-1]) == ("2 eve: one", "2 eve: two")


async def test_a_page_of_another_history_is_not_sent(
    scene: Scene,
    store: FailingStore,
    elsewhere: Elsewhere,
    ann: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere.stores("one")
    read_after = store.read_after

    async def read_another(room: str, after: int, limit: int) -> Page:
        return attrs.evolve(await read_after(room, after, limit), epoch="another")

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_after", read_another)
        await scene.ask(InTurn(scene.cluster.connected), Tick())
        assert ann.got == []
    await scene.ask(Tick())
    assert ann.got == ["2 eve: one"]


# --- on the way ----------------------------------------------------------------------------------


async def test_the_receiver_skips_invalid_payloads(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    listener = scene.listener()
    one, two = elsewhere.stores("one"), elsewhere.stores("two")
    with capture_logs() as lines:
        await listener.heard([pack(elsewhere.envelope(()))])
        await scene.hub.flush()
        assert "warning" not in {line["log_level"] for line in lines}
        listener.heard_nowait([b"garbage"])  # the hub receives no empty request
        listener.heard_nowait([b"{}", pack(elsewhere.envelope(one))])
        await listener.heard([b"garbage", pack(elsewhere.envelope(two))])
        await scene.hub.flush()
    assert [line["log_level"] for line in lines].count("warning") == 1
    assert ann.got == ["2 eve: one", "3 eve: two"]
    assert scene.metrics.bad_envelopes.count == 3


async def test_the_hub_receives_the_next_envelopes_after_it_has_applied_the_last(
    store: FailingStore, elsewhere: Elsewhere, nursery: trio.Nursery
) -> None:
    scene = Scene(store, backplane=Published())  # its hub does not run
    listener = scene.listener()
    payloads = [pack(elsewhere.envelope(())) for _ in range(2)]

    async def bring() -> None:
        for payload in payloads:
            await listener.heard([payload])

    async def take() -> list[Envelope]:
        (request,) = await scene.hub.inbox.take()
        assert isinstance(request, InTurn)
        assert isinstance(request.decide, partial)
        envelopes, done = request.decide.args
        done()
        await trio.testing.wait_all_tasks_blocked()
        return list(envelopes)

    nursery.start_soon(bring)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        listener.heard_nowait(payloads)
    assert [await take(), await take()] == [[unpack(payload)] for payload in payloads]


async def test_the_receiver_refuses_another_history(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    envelope = elsewhere.envelope(elsewhere.stores("one"))
    envelope.epoch = "theirs"
    listener = scene.listener()
    with pytest.raises(trio.WouldBlock):
        listener.heard_nowait([b"garbage", pack(envelope)])
    assert scene.metrics.bad_envelopes.count == scene.metrics.foreign_envelopes.count == 0
    await listener.heard([pack(envelope)])
    await scene.hub.flush()
    assert (ann.got, len(scene.cluster.peers)) == ([], 0)
    assert scene.metrics.foreign_envelopes.count == 1


async def test_the_receiver_reports_outages_of_the_backplane(
    scene: Scene, elsewhere: Elsewhere, ann: Recorder
) -> None:
    listener = scene.listener()
    await listener.out_of_reach()
    elsewhere.stores("one")
    await scene.tick_after(UNCONNECTED_SECONDS)
    assert [scene.cluster.peers.listens_since] == [None]
    assert ann.got == ["2 eve: one"]
    elsewhere.stores("two")
    await listener.up()
    await scene.tick_after(0)
    assert [scene.cluster.peers.listens_since] != [None]
    assert ann.got == ["2 eve: one", "3 eve: two"]

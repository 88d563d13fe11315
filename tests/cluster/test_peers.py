"""The state of other nodes, and the envelopes that this one publishes, as time passes."""

import weakref
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from tests.cluster.test_several_nodes import Published
from tests.hub.scene import WALL_MS
from trio_chat.cluster import node as node_module
from trio_chat.cluster.envelope import (
    Ask,
    Counted,
    Envelope,
    EventsStored,
    NodeLeaving,
    NodeMessage,
    Ping,
    Snapshot,
    UserJoined,
    UserLeft,
    unpack,
)
from trio_chat.cluster.node import LEAVING_SECONDS
from trio_chat.cluster.peers import (
    ASK_SECONDS,
    LEASE_SECONDS,
    MOST_NODES,
    PING_SECONDS,
    PULSE_SECONDS,
    SIGN_SECONDS,
    STALL_SECONDS,
    Peers,
)
from trio_chat.hub.plan import Typed
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import HasRead

ANN = UserJoined("general", "ann", "Ann", "s1")
BOB = UserJoined("general", "bob", "bob", "s2")
GONE = UserLeft("general", "ann", is_announced=False)
TYPED = Typed("general", "ann", "Ann", is_typing=True)
EVENTS = EventsStored((Event(1, "e1", "general", Kind.MESSAGE, "ann", "hi", 0),))


EPOCH = "e1"


def nodes(name: str, published: Published) -> Peers:
    return Peers(name, published, epoch=lambda: EPOCH, wall_ms=lambda: WALL_MS)


class Subject:
    """The peers of node ``me``, which has received an empty snapshot of node ``n``."""

    def __init__(self, name: str = "me") -> None:
        self.published = Published()
        self.nodes = nodes(name, self.published)
        self.now = 0.0
        list(self.nodes.tick(self.now))
        self.nodes.set_connected(self.now, is_connected=True)
        self.nodes.publish_snapshot([], [], self.now)
        assert self.receive(1, snapshot()) == []
        self.messages()

    def receive(
        self, number: int, *messages: NodeMessage, node: str = "n"
    ) -> Sequence[NodeMessage]:
        """Receive an envelope, and return the messages to apply."""
        return list(self.nodes.receive(Envelope(node, number, messages, EPOCH, WALL_MS), self.now))

    def messages(self) -> list[NodeMessage]:
        """Return the messages published since the last call."""
        envelopes = list(map(unpack, self.published.payloads))
        self.published.payloads.clear()
        return [one for envelope in envelopes for one in envelope.messages]

    def wait(self, seconds: float) -> list[tuple[str, UserLeft]]:
        """Let time pass with ticks; return the users who have left."""
        gone: list[tuple[str, UserLeft]] = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 1, end)
            gone.extend(self.nodes.tick(self.now))
        return gone


def snapshot(*here: UserJoined, counted: Sequence[Counted] = ()) -> Snapshot:
    return Snapshot(here, tuple(counted), (), is_first=True, is_last=True)


@pytest.fixture
def subject() -> Subject:
    return Subject()


# --- numbers and snapshots ----------------------------------------------------------------------


def test_the_next_envelope_is_applied(subject: Subject) -> None:
    assert subject.receive(2, ANN, TYPED) == [ANN, TYPED]
    assert subject.receive(3, GONE) == [GONE]
    assert subject.messages() == []


def test_only_the_events_of_a_repeated_envelope_are_applied(subject: Subject) -> None:
    subject.receive(2, ANN)
    assert subject.receive(2, BOB, TYPED, EVENTS) == [EVENTS]


def test_envelopes_of_this_node_are_skipped(subject: Subject) -> None:
    assert subject.receive(7, ANN, node="me") == []


def test_the_leave_of_an_absent_user_is_skipped(subject: Subject) -> None:
    assert subject.receive(2, GONE) == []


def test_a_new_node_is_asked_for_its_snapshot(subject: Subject) -> None:
    assert subject.receive(7, ANN, node="o") == [ANN]
    assert subject.messages() == [Ask("o")]


def test_a_gap_asks_for_a_snapshot_until_it_arrives(subject: Subject) -> None:
    subject.receive(2, ANN)
    assert subject.receive(4, BOB) == [BOB]
    subject.receive(5)
    assert subject.messages() == [Ask("n")]
    subject.wait(ASK_SECONDS)
    assert Ask("n") in subject.messages()
    subject.receive(6, snapshot(BOB))
    subject.wait(5)
    assert Ask("n") not in subject.messages()


def test_a_snapshot_replaces_the_state_known_before(subject: Subject) -> None:
    subject.receive(2, ANN, BOB)
    other = UserJoined("general", "bob", "bob", "s3")
    new = UserJoined("dev", "ann", "Ann", "s4")
    assert subject.receive(4, snapshot(other, new)) == [other, new, GONE]
    assert subject.receive(5, snapshot(other, new)) == []


def test_a_snapshot_counts_with_its_last_part(subject: Subject) -> None:
    subject.receive(2, ANN)
    assert subject.receive(3, Snapshot((BOB,), (), (), is_first=True, is_last=False)) == []
    assert subject.receive(4, Snapshot((), (), (), is_first=False, is_last=True)) == [BOB, GONE]


def test_valid_markers_of_a_snapshot_follow_its_users(subject: Subject) -> None:
    sound = HasRead("general", "ann", "Ann", 3)
    unsound = HasRead("no room", "ann", "Ann", 3), HasRead("general", "x" * 200, "Ann", 3)
    first = Snapshot((), (), (sound, *unsound), is_first=True, is_last=False)
    assert subject.receive(2, first) == []
    last = Snapshot((ANN,), (), (), is_first=False, is_last=True)
    assert subject.receive(3, last) == [ANN, sound]


def test_a_snapshot_with_a_lost_part_is_asked_for_again(subject: Subject) -> None:
    subject.receive(2, Snapshot((BOB,), (), (), is_first=True, is_last=False))
    assert subject.receive(4, Snapshot((), (), (), is_first=False, is_last=True)) == []
    assert subject.messages() == [Ask("n")]


def test_a_node_publishes_its_snapshot_once_a_second_on_request(subject: Subject) -> None:
    subject.wait(ASK_SECONDS)
    assert not subject.nodes.owes_snapshot(subject.now)
    subject.receive(2, Ask("somebody else"))
    assert not subject.nodes.owes_snapshot(subject.now)
    subject.receive(3, Ask("me"))
    assert subject.nodes.owes_snapshot(subject.now)
    subject.messages()
    subject.nodes.publish_snapshot([ANN], [], subject.now)
    assert subject.messages() == [snapshot(ANN)]
    subject.receive(4, Ask(""))
    assert not subject.nodes.owes_snapshot(subject.now)
    assert subject.nodes.owes_snapshot(subject.now + ASK_SECONDS)


def test_a_long_snapshot_has_parts(subject: Subject) -> None:
    here = [UserJoined("general", f"u{number}", f"u{number}", "s") for number in range(2001)]
    subject.nodes.publish_snapshot(here, [], subject.now)
    parts = [said for said in subject.messages() if isinstance(said, Snapshot)]
    assert [(len(one.here), one.is_first, one.is_last) for one in parts] == [
        (1000, True, False),
        (1000, False, False),
        (1, False, True),
    ]


def test_a_reconnected_node_exchanges_snapshots(subject: Subject) -> None:
    subject.nodes.set_connected(subject.now, is_connected=True)
    assert subject.messages() == [Ask("")]
    assert subject.nodes.owes_snapshot(subject.now)


# --- leases --------------------------------------------------------------------------------------


def test_a_node_publishes_every_ten_seconds(subject: Subject) -> None:
    subject.wait(1)
    before = len(subject.published.payloads)
    subject.wait(3 * PULSE_SECONDS)
    assert len(subject.published.payloads) == before + 3


def test_users_of_a_silent_node_leave_with_its_lease(subject: Subject) -> None:
    subject.receive(2, ANN)
    assert subject.wait(LEASE_SECONDS - 1) == []
    assert len(subject.nodes) == 1
    assert subject.wait(1) == [("n", GONE)]
    assert len(subject.nodes) == 0


def test_repeated_envelopes_do_not_renew_a_lease(subject: Subject) -> None:
    subject.receive(2, ANN)
    subject.wait(LEASE_SECONDS - 1)
    subject.receive(2, ANN)
    assert subject.wait(1) == [("n", GONE)]


def test_an_empty_envelope_renews_a_lease(subject: Subject) -> None:
    subject.receive(2, ANN)
    for number in range(3, 10):
        assert subject.wait(LEASE_SECONDS - 1) == []
        subject.receive(number)


def test_no_lease_expires_while_the_backplane_is_down(subject: Subject) -> None:
    subject.receive(2, ANN)
    subject.nodes.set_connected(subject.now, is_connected=False)
    assert subject.wait(10 * LEASE_SECONDS) == []
    subject.nodes.set_connected(subject.now, is_connected=True)
    assert subject.wait(LEASE_SECONDS - 1) == []
    assert subject.wait(1) == [("n", GONE)]


def test_no_lease_expires_while_this_process_was_stopped(subject: Subject) -> None:
    subject.receive(2, ANN)
    subject.wait(1)
    subject.now += 100
    assert list(subject.nodes.tick(subject.now)) == []
    assert subject.wait(LEASE_SECONDS - 1) == []
    assert subject.wait(1) == [("n", GONE)]
    assert STALL_SECONDS < 100


def test_a_node_that_returns_after_its_lease_is_asked(subject: Subject) -> None:
    subject.receive(2, ANN)
    subject.wait(LEASE_SECONDS)
    subject.messages()
    subject.receive(3)
    assert Ask("n") in subject.messages()
    assert subject.receive(4, snapshot(ANN)) == [ANN]


def test_users_of_a_dead_node_leave_some_at_a_time(subject: Subject) -> None:
    many = [UserJoined("general", f"u{number}", f"u{number}", "s") for number in range(501)]
    subject.receive(2, *many)
    subject.wait(LEASE_SECONDS - 1)
    assert len(subject.wait(1)) == 500
    assert len(subject.nodes) == 1
    assert subject.wait(1) == [("n", UserLeft("general", "u500", is_announced=False))]


def test_a_tick_removes_a_bounded_number_of_users_of_all_dead_nodes(subject: Subject) -> None:
    for node in ("n", "o"):
        names = [f"{node}{number}" for number in range(300)]
        users = [UserJoined("general", name, name, "s") for name in names]
        subject.receive(2, snapshot(*users), node=node)
    subject.wait(LEASE_SECONDS - 1)
    assert [len(subject.wait(1)) for _ in range(3)] == [500, 100, 0]


def test_a_node_that_returns_while_its_users_leave_is_asked(subject: Subject) -> None:
    many = [UserJoined("general", f"u{number}", f"u{number}", "s") for number in range(501)]
    subject.receive(2, *many)
    subject.wait(LEASE_SECONDS)
    subject.messages()
    assert subject.receive(3, snapshot(*many)) == many[:500]
    subject.receive(4)
    assert subject.wait(LEASE_SECONDS - 1) == []


# --- goodbyes ------------------------------------------------------------------------------------


def test_users_of_a_leaving_node_have_five_seconds(subject: Subject) -> None:
    subject.wait(LEAVING_SECONDS)
    subject.receive(2, ANN, NodeLeaving())
    assert subject.wait(LEAVING_SECONDS - 1) == []
    assert subject.wait(1) == [("n", GONE)]


def test_the_five_seconds_start_when_envelopes_arrive(subject: Subject) -> None:
    subject.receive(2, ANN, NodeLeaving())
    subject.nodes.set_connected(subject.now, is_connected=False)
    assert subject.wait(100) == []
    subject.nodes.set_connected(subject.now, is_connected=True)
    assert subject.wait(LEAVING_SECONDS - 1) == []
    assert subject.wait(1) == [("n", GONE)]


def test_a_leaving_node_is_not_asked(subject: Subject) -> None:
    subject.receive(4, ANN, NodeLeaving())
    subject.wait(1)
    assert Ask("n") not in subject.messages()


def test_a_node_that_speaks_after_its_goodbye_is_asked(subject: Subject) -> None:
    subject.wait(1)
    subject.receive(2, NodeLeaving())
    subject.messages()
    subject.receive(3, ANN)
    assert Ask("n") in subject.messages()


def test_a_leaving_node_is_logged_once(subject: Subject) -> None:
    with capture_logs() as lines:
        subject.receive(2, ANN)
        assert lines == []
        subject.receive(3, NodeLeaving())
        subject.receive(4, NodeLeaving())
    assert [line["other_node"] for line in lines] == ["n"]


def test_a_node_publishes_nothing_after_it_left(subject: Subject) -> None:
    subject.nodes.leave()
    subject.nodes.count("ann", "", 1)
    subject.wait(100)
    assert subject.messages() == [NodeLeaving()]


# --- connections ---------------------------------------------------------------------------------


def test_connections_are_published_at_once_and_in_snapshots(subject: Subject) -> None:
    subject.nodes.count("ann", "192.0.2.1", 1)
    subject.nodes.count("bob", "", 1)
    subject.nodes.count("bob", "", 0)
    told = [Counted("ann", "192.0.2.1", 1), Counted("bob", "", 1), Counted("bob", "", 0)]
    assert subject.messages() == told
    subject.nodes.publish_snapshot([], [], subject.now)
    assert subject.messages() == [snapshot(counted=told[:1])]


def test_connections_to_all_other_nodes_are_added_up(subject: Subject) -> None:
    subject.receive(2, Counted("ann", "", 3), Counted("ann", "192.0.2.1", 1))
    subject.receive(1, snapshot(counted=[Counted("ann", "", 2), Counted("bob", "", 1)]), node="o")
    assert subject.nodes.connections("ann", "") == 5
    subject.receive(3, Counted("ann", "", 0))
    assert subject.nodes.connections("ann", "") == 2
    subject.receive(2, snapshot(), node="o")
    assert subject.nodes.connections("bob", "") == 0


def test_a_node_without_an_answer_does_not_count_until_it_publishes(subject: Subject) -> None:
    subject.receive(2, Counted("ann", "", 4))
    subject.receive(5, Counted("bob", "", 1), node="o")
    subject.messages()
    subject.now += 0.1
    assert subject.nodes.ask_after("ann", "", subject.now) == ["n"]
    assert subject.messages() == [Ping("n")]
    subject.now += PING_SECONDS / 2
    assert subject.nodes.ask_after("ann", "", subject.now) == ["n"]
    assert subject.messages() == []  # it has been asked just now
    assert subject.nodes.silent(["n", "never heard"]) == ["n"]
    subject.nodes.leave_out(["n", "never heard"])
    assert subject.nodes.connections("ann", "") == 0
    assert subject.nodes.ask_after("ann", "", subject.now) == []
    subject.receive(3)
    assert subject.nodes.silent(["n"]) == []
    assert subject.nodes.connections("ann", "") == 4


def test_a_node_answers_pings_at_a_bounded_rate(subject: Subject) -> None:
    def envelopes() -> int:
        published = len(subject.published.payloads)
        subject.published.payloads.clear()
        return published

    subject.receive(2, Ping("somebody else"))
    assert envelopes() == 0
    subject.receive(3, Ping("me"))
    assert envelopes() == 1
    subject.receive(4, Ping("me"))
    assert envelopes() == 0
    subject.now += SIGN_SECONDS
    list(subject.nodes.tick(subject.now))
    assert envelopes() == 1


@pytest.mark.parametrize(("farewell", "seconds"), [((), LEASE_SECONDS), ((NodeLeaving(),), 0)])
def test_connections_to_a_dead_or_leaving_node_do_not_count(
    subject: Subject, farewell: tuple[NodeLeaving, ...], seconds: float
) -> None:
    subject.receive(2, Counted("ann", "", 3), *farewell)
    subject.wait(seconds)
    assert subject.nodes.connections("ann", "") == 0


def test_the_last_node_closes_surplus_connections() -> None:
    first, last = (Subject(name) for name in ("a", "z"))
    for number in range(1, 4):
        first.nodes.count("ann", "", number)
        last.nodes.count("ann", "", number)
    first.receive(2, Counted("ann", "", 2), node="n")
    last.receive(2, Counted("ann", "", 2), node="n")
    assert last.nodes.surplus("ann", "", 3) == 0  # they are 5, and each node may have one too many
    assert last.nodes.surplus("ann", "", 2) == 3
    assert first.nodes.surplus("ann", "", 2) == 0
    assert last.nodes.surplus("bob", "", 0) == 0


def test_growing_connections_of_another_node_are_reported(subject: Subject) -> None:
    grown: list[tuple[str, str]] = []
    subject.receive(2, Counted("ann", "", 1))
    subject.nodes.watch_growth(lambda user, address: grown.append((user, address)))
    subject.receive(3, Counted("ann", "", 2), Counted("bob", "192.0.2.1", 0))
    assert grown == [("ann", "")]
    subject.nodes.count("ann", "", 1)
    subject.nodes.count("carl", "", 1)
    subject.receive(4, snapshot(counted=[Counted("ann", "", 3), Counted("bob", "", 1)]))
    assert grown[1:] == [("ann", "")]


def test_old_counts_do_not_lock_a_user_out_during_an_outage(subject: Subject) -> None:
    subject.receive(2, Counted("ann", "", 3))
    subject.nodes.set_connected(subject.now, is_connected=False)
    assert subject.nodes.connections("ann", "") == 0
    subject.nodes.set_connected(subject.now, is_connected=True)
    assert subject.nodes.connections("ann", "") == 3


@pytest.mark.parametrize(
    "here",
    [
        UserJoined("No Room", "ann", "Ann", "s"),
        UserJoined("general", "bob", "Ann", "s"),
        UserJoined("general", "", "", "s"),
        UserJoined("general", "ann", "ann", "no stay"),
        UserJoined("general", "x" * 33, "x" * 33, "s"),
        UserJoined("general", "\x00", "\x00", "s"),
    ],
    ids=str,
)
def test_invalid_users_are_skipped(subject: Subject, here: UserJoined) -> None:
    assert subject.receive(2, here) == []
    assert subject.receive(3, snapshot(here)) == []


def test_names_may_have_more_than_letters(subject: Subject) -> None:
    here = UserJoined("general", "\u00e4nn b", "\u00c4nn B", "s")
    assert subject.receive(2, here) == [here]


def test_the_state_kept_of_a_node_is_bounded(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "MOST_OF_A_KIND", 1)
    assert subject.receive(2, ANN, BOB) == [ANN]
    subject.receive(3, Counted("ann", "", 1), Counted("bob", "", 1))
    assert subject.nodes.connections("bob", "") == 0
    subject.receive(4, Snapshot((ANN, BOB), (), (), is_first=True, is_last=False))
    assert subject.receive(5, Snapshot((), (), (), is_first=False, is_last=True)) == []


@pytest.mark.parametrize("place", [("ann", "1" * 129), ("a" * 129, "")], ids=["address", "user"])
def test_connections_of_long_names_and_addresses_are_skipped(
    subject: Subject, place: tuple[str, str]
) -> None:
    subject.receive(2, Counted(*place, 1))
    assert subject.nodes.connections(*place) == 0


def test_parts_of_a_snapshot_are_not_kept_themselves(subject: Subject) -> None:
    part = Snapshot((), (), (), is_first=True, is_last=False)
    kept = weakref.ref(part)
    subject.receive(2, part)
    del part
    assert kept() is None


@pytest.mark.parametrize("node", ["", "n" * 65, "n 2"])
def test_invalid_node_ids_are_skipped(subject: Subject, node: str) -> None:
    assert subject.receive(1, ANN, node=node) == []
    assert len(subject.nodes) == 1


def test_the_number_of_nodes_is_bounded(subject: Subject) -> None:
    for number in range(MOST_NODES):
        subject.receive(1, node=f"o{number}")
    assert len(subject.nodes) == MOST_NODES
    assert subject.receive(1, ANN, EVENTS, node="one-more") == [EVENTS]

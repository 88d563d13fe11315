"""The state of other nodes, and the envelopes that this one publishes, as time passes."""

from structlog.testing import capture_logs

from tests.cluster.observer import ANN, ANN_LEFT, BOB, Observer, many_users, snapshot
from trio_chat.cluster.envelope import (
    Ask,
    EventsStored,
    NodeLeaving,
    Snapshot,
    UserJoined,
)
from trio_chat.cluster.node import LEAVING_SECONDS
from trio_chat.cluster.peers import ASK_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS, STALL_SECONDS
from trio_chat.hub.plan import Typed
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import HasRead

TYPED = Typed("general", "ann", "Ann", is_typing=True)
EVENTS = EventsStored((Event(1, "e1", "general", Kind.MESSAGE, "ann", "hi", 0),))


def test_only_the_events_of_a_repeated_envelope_are_applied(one: Observer) -> None:
    one.receive(2, ANN)
    assert one.receive(2, BOB, TYPED, EVENTS) == [EVENTS]


def test_envelopes_of_this_node_are_skipped(one: Observer) -> None:
    assert one.receive(7, ANN, node="me") == []


def test_the_leave_of_an_absent_user_is_skipped(one: Observer) -> None:
    assert one.receive(2, ANN_LEFT) == []


def test_a_new_node_is_asked_for_its_snapshot(one: Observer) -> None:
    assert one.receive(7, ANN, node="o") == [ANN]
    assert one.messages() == [Ask("o")]


def test_a_gap_asks_for_a_snapshot_until_it_arrives(one: Observer) -> None:
    one.receive(2, ANN)
    assert one.receive(4, BOB) == [BOB]
    one.receive(5)
    assert one.messages() == [Ask("n")]
    one.wait(ASK_SECONDS)
    assert Ask("n") in one.messages()
    one.receive(6, snapshot(BOB))
    one.wait(5)
    assert Ask("n") not in one.messages()


def test_a_snapshot_replaces_the_state_known_before(one: Observer) -> None:
    one.receive(2, ANN, BOB)
    other = UserJoined("general", "bob", "bob", "s3")
    new = UserJoined("dev", "ann", "Ann", "s4")
    assert one.receive(4, snapshot(other, new)) == [other, new, ANN_LEFT]
    assert one.receive(5, snapshot(other, new)) == []


def test_a_snapshot_counts_with_its_last_part(one: Observer) -> None:
    one.receive(2, ANN)
    assert one.receive(3, Snapshot((BOB,), (), (), is_first=True, is_last=False)) == []
    assert one.receive(4, Snapshot((), (), (), is_first=False, is_last=True)) == [BOB, ANN_LEFT]


def test_valid_markers_of_a_snapshot_follow_its_users(one: Observer) -> None:
    sound = HasRead("general", "ann", "Ann", 3)
    unsound = HasRead("no room", "ann", "Ann", 3), HasRead("general", "x" * 200, "Ann", 3)
    first = Snapshot((), (), (sound, *unsound), is_first=True, is_last=False)
    assert one.receive(2, first) == []
    last = Snapshot((ANN,), (), (), is_first=False, is_last=True)
    assert one.receive(3, last) == [ANN, sound]


def test_a_snapshot_with_a_lost_part_is_asked_for_again(one: Observer) -> None:
    one.receive(2, Snapshot((BOB,), (), (), is_first=True, is_last=False))
    assert one.receive(4, Snapshot((), (), (), is_first=False, is_last=True)) == []
    assert one.messages() == [Ask("n")]


def test_a_node_publishes_its_snapshot_once_a_second_on_request(one: Observer) -> None:
    one.wait(ASK_SECONDS)
    assert not one.owes_snapshot()
    one.receive(2, Ask("somebody else"))
    assert not one.owes_snapshot()
    one.receive(3, Ask("me"))
    assert one.owes_snapshot()
    one.messages()
    one.publish_snapshot(ANN)
    assert one.messages() == [snapshot(ANN)]
    one.receive(4, Ask(""))
    assert not one.owes_snapshot()
    assert one.owes_snapshot(ASK_SECONDS)


def test_a_long_snapshot_has_parts(one: Observer) -> None:
    one.publish_snapshot(*many_users(2001))
    parts = [part for part in one.messages() if isinstance(part, Snapshot)]
    assert [(len(one.here), one.is_first, one.is_last) for one in parts] == [
        (1000, True, False),
        (1000, False, False),
        (1, False, True),
    ]


def test_a_reconnected_node_exchanges_snapshots(one: Observer) -> None:
    one.set_connected(is_connected=True)
    assert one.messages() == [Ask("")]
    assert one.owes_snapshot()


def test_a_node_publishes_every_ten_seconds(one: Observer) -> None:
    one.wait(1)
    before = len(one.published.payloads)
    one.wait(3 * HEARTBEAT_SECONDS)
    assert len(one.published.payloads) == before + 3


def test_users_of_a_silent_node_leave_with_its_lease(one: Observer) -> None:
    one.receive(2, ANN)
    assert one.wait(LEASE_SECONDS - 1) == []
    assert len(one.peers) == 1
    assert one.wait(1) == [("n", ANN_LEFT)]
    assert len(one.peers) == 0


def test_repeated_envelopes_do_not_renew_a_lease(one: Observer) -> None:
    one.receive(2, ANN)
    one.wait(LEASE_SECONDS - 1)
    one.receive(2, ANN)
    assert one.wait(1) == [("n", ANN_LEFT)]


def test_an_empty_envelope_renews_a_lease(one: Observer) -> None:
    one.receive(2, ANN)
    for number in range(3, 10):
        assert one.wait(LEASE_SECONDS - 1) == []
        one.receive(number)


def test_no_lease_expires_while_the_backplane_is_down(one: Observer) -> None:
    one.receive(2, ANN)
    one.set_connected(is_connected=False)
    assert one.wait(10 * LEASE_SECONDS) == []
    one.set_connected(is_connected=True)
    assert one.wait(LEASE_SECONDS - 1) == []
    assert one.wait(1) == [("n", ANN_LEFT)]


def test_no_lease_expires_while_this_process_was_stopped(one: Observer) -> None:
    one.receive(2, ANN)
    one.wait(1)
    one.now += 100
    assert one.tick() == []
    assert one.wait(LEASE_SECONDS - 1) == []
    assert one.wait(1) == [("n", ANN_LEFT)]
    assert STALL_SECONDS < 100


def test_a_node_that_returns_after_its_lease_is_asked(one: Observer) -> None:
    one.receive(2, ANN)
    one.wait(LEASE_SECONDS)
    one.messages()
    one.receive(3)
    assert Ask("n") in one.messages()
    assert one.receive(4, snapshot(ANN)) == [ANN]


def test_a_tick_removes_a_bounded_number_of_users_of_all_dead_nodes(one: Observer) -> None:
    for node in ("n", "o"):
        one.receive(2, snapshot(*many_users(300, node)), node=node)
    one.wait(LEASE_SECONDS - 1)
    assert [len(one.wait(1)) for _ in range(3)] == [500, 100, 0]


def test_a_node_that_returns_while_its_users_leave_is_asked(one: Observer) -> None:
    many = many_users(501)
    one.receive(2, *many)
    one.wait(LEASE_SECONDS)
    one.messages()
    assert one.receive(3, snapshot(*many)) == many[:500]
    one.receive(4)
    assert one.wait(LEASE_SECONDS - 1) == []


def test_users_of_a_leaving_node_have_five_seconds(one: Observer) -> None:
    one.wait(LEAVING_SECONDS)
    one.receive(2, ANN, NodeLeaving())
    assert one.wait(LEAVING_SECONDS - 1) == []
    assert one.wait(1) == [("n", ANN_LEFT)]


def test_the_five_seconds_start_when_the_backplane_is_up(one: Observer) -> None:
    one.receive(2, ANN, NodeLeaving())
    one.set_connected(is_connected=False)
    assert one.wait(100) == []
    one.set_connected(is_connected=True)
    assert one.wait(LEAVING_SECONDS - 1) == []
    assert one.wait(1) == [("n", ANN_LEFT)]


def test_a_leaving_node_is_not_asked(one: Observer) -> None:
    one.receive(4, ANN, NodeLeaving())
    one.wait(1)
    assert Ask("n") not in one.messages()


def test_a_node_that_publishes_after_it_left_is_asked(one: Observer) -> None:
    one.wait(1)
    one.receive(2, NodeLeaving())
    one.messages()
    one.receive(3, ANN)
    assert Ask("n") in one.messages()


def test_a_leaving_node_is_logged_once(one: Observer) -> None:
    with capture_logs() as lines:
        one.receive(2, ANN)
        assert lines == []
        one.receive(3, NodeLeaving())
        one.receive(4, NodeLeaving())
    assert [line["other_node"] for line in lines] == ["n"]


def test_a_node_publishes_nothing_after_it_left(one: Observer) -> None:
    one.peers.leave()
    one.peers.count("ann", "", 1)
    one.wait(100)
    assert one.messages() == [NodeLeaving()]

"""The connections of a user on all nodes, and bounds of the state kept of other nodes."""

import weakref

import pytest
import trio
from trio.testing import MockClock

from tests.cluster.observer import ANN, BOB, Observer, snapshot
from trio_chat.cluster import node as node_module
from trio_chat.cluster.envelope import (
    Counted,
    EventsStored,
    NodeLeaving,
    Ping,
    Snapshot,
    UserJoined,
)
from trio_chat.cluster.peers import (
    ANSWER_SECONDS,
    LEASE_SECONDS,
    MOST_NODES,
    PING_SECONDS,
    PONG_SECONDS,
)
from trio_chat.protocol.events import Event, Kind

EVENTS = EventsStored((Event(1, "e1", "general", Kind.MESSAGE, "ann", "hi", 0),))


def test_connections_are_published_at_once_and_in_snapshots(one: Observer) -> None:
    one.peers.count("ann", "192.0.2.1", 1)
    one.peers.count("bob", "", 1)
    one.peers.count("bob", "", 0)
    published = [Counted("ann", "192.0.2.1", 1), Counted("bob", "", 1), Counted("bob", "", 0)]
    assert one.messages() == published
    one.publish_snapshot()
    assert one.messages() == [snapshot(counted=published[:1])]


def test_connections_to_all_other_nodes_are_added_up(one: Observer) -> None:
    one.receive(2, Counted("ann", "", 3), Counted("ann", "192.0.2.1", 1))
    one.receive(1, snapshot(counted=[Counted("ann", "", 2), Counted("bob", "", 1)]), node="o")
    assert one.peers.connections("ann", "") == 5
    one.receive(3, Counted("ann", "", 0))
    assert one.peers.connections("ann", "") == 2
    one.receive(2, snapshot(), node="o")
    assert one.peers.connections("bob", "") == 0


async def test_a_node_without_an_answer_does_not_count_until_it_publishes(
    one: Observer, autojump_clock: MockClock
) -> None:
    one.receive(2, Counted("ann", "", 4))
    one.receive(5, Counted("bob", "", 1), node="o")
    one.messages()
    await trio.sleep(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.peers.recount, "ann", "")
        await trio.sleep(PING_SECONDS / 2)
        assert one.messages() == [Ping("n")]
        nursery.start_soon(one.peers.recount, "ann", "")
    assert autojump_clock.current_time() == pytest.approx(11 + PING_SECONDS / 2, abs=0.1)
    assert one.messages() == []  # the second time, it had been asked just now
    assert one.peers.connections("ann", "") == 0
    await one.peers.recount("ann", "")
    assert one.messages() == []
    one.receive(3)
    assert one.peers.connections("ann", "") == 4


async def test_a_node_that_answers_counts_at_once(one: Observer, autojump_clock: MockClock) -> None:
    one.receive(2, Counted("ann", "", 4))
    await trio.sleep(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.peers.recount, "ann", "")
        await trio.sleep(ANSWER_SECONDS / 2)
        one.now = trio.current_time()
        one.receive(3, Counted("ann", "", 1))
    assert autojump_clock.current_time() < 10 + ANSWER_SECONDS
    assert one.peers.connections("ann", "") == 1


async def test_a_ping_for_another_user_does_not_undo_an_answer(
    one: Observer, autojump_clock: MockClock
) -> None:
    one.receive(2, Counted("ann", "", 4), Counted("bob", "", 1))
    one.receive(5, Counted("ann", "", 1), node="o")
    await trio.sleep(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.peers.recount, "ann", "")
        await trio.sleep(ANSWER_SECONDS - 0.1)
        one.now = autojump_clock.current_time()
        one.receive(3)
        await trio.sleep(0.09)
        nursery.start_soon(one.peers.recount, "bob", "")
        await trio.sleep(0.1)
        assert one.peers.connections("ann", "") == 4
        one.now = autojump_clock.current_time()
        one.receive(4)


def test_a_node_answers_pings_at_a_bounded_rate(one: Observer) -> None:
    def envelopes() -> int:
        published = len(one.published.payloads)
        one.published.payloads.clear()
        return published

    one.receive(2, Ping("somebody else"))
    assert envelopes() == 0
    one.receive(3, Ping("me"))
    assert envelopes() == 1
    one.receive(4, Ping("me"))
    assert envelopes() == 0
    one.now += PONG_SECONDS
    one.tick()
    assert envelopes() == 1


@pytest.mark.parametrize(("messages", "seconds"), [((), LEASE_SECONDS), ((NodeLeaving(),), 0)])
def test_connections_to_a_dead_or_leaving_node_do_not_count(
    one: Observer, messages: tuple[NodeLeaving, ...], seconds: float
) -> None:
    one.receive(2, Counted("ann", "", 3), *messages)
    one.wait(seconds)
    assert one.peers.connections("ann", "") == 0


def test_the_last_node_closes_surplus_connections() -> None:
    first, last = (Observer(name) for name in ("a", "z"))
    for number in range(1, 4):
        first.peers.count("ann", "", number)
        last.peers.count("ann", "", number)
    first.receive(2, Counted("ann", "", 2), node="n")
    last.receive(2, Counted("ann", "", 2), node="n")
    assert last.peers.surplus("ann", "", 3) == 0  # they are 5, and each node may have one too many
    assert last.peers.surplus("ann", "", 2) == 3
    assert first.peers.surplus("ann", "", 2) == 0
    assert last.peers.surplus("bob", "", 0) == 0


def test_growing_connections_of_another_node_are_reported(one: Observer) -> None:
    grown: list[tuple[str, str]] = []
    one.receive(2, Counted("ann", "", 1))
    one.peers.watch_growth(lambda user, address: grown.append((user, address)))
    one.receive(3, Counted("ann", "", 2), Counted("bob", "192.0.2.1", 0))
    assert grown == [("ann", "")]
    one.peers.count("ann", "", 1)
    one.peers.count("carl", "", 1)
    one.receive(4, snapshot(counted=[Counted("ann", "", 3), Counted("bob", "", 1)]))
    assert grown[1:] == [("ann", "")]


def test_old_counts_do_not_lock_a_user_out_during_an_outage(one: Observer) -> None:
    one.receive(2, Counted("ann", "", 3))
    one.set_connected(is_connected=False)
    assert one.peers.connections("ann", "") == 0
    one.set_connected(is_connected=True)
    assert one.peers.connections("ann", "") == 3


@pytest.mark.parametrize(
    "here",
    [
        UserJoined("No Room", "ann", "Ann", "s"),
        UserJoined("general", "bob", "Ann", "s"),
        UserJoined("general", "", "", "s"),
        UserJoined("general", "ann", "ann", "no session"),
        UserJoined("general", "x" * 33, "x" * 33, "s"),
        UserJoined("general", "\x00", "\x00", "s"),
    ],
    ids=str,
)
def test_invalid_users_are_skipped(one: Observer, here: UserJoined) -> None:
    assert one.receive(2, here) == []
    assert one.receive(3, snapshot(here)) == []


def test_names_may_have_more_than_letters(one: Observer) -> None:
    here = UserJoined("general", "\u00e4nn b", "\u00c4nn B", "s")
    assert one.receive(2, here) == [here]


def test_the_state_of_a_node_is_bounded(one: Observer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MOST_OF_A_KIND", 1)
    assert one.receive(2, ANN, BOB) == [ANN]
    one.receive(3, Counted("ann", "", 1), Counted("bob", "", 1))
    assert one.peers.connections("bob", "") == 0
    one.receive(4, Snapshot((ANN, BOB), (), (), is_first=True, is_last=False))
    assert one.receive(5, Snapshot((), (), (), is_first=False, is_last=True)) == []


@pytest.mark.parametrize("place", [("ann", "1" * 129), ("a" * 129, "")], ids=["address", "user"])
def test_long_names_and_addresses_are_skipped(one: Observer, place: tuple[str, str]) -> None:
    one.receive(2, Counted(*place, 1))
    assert one.peers.connections(*place) == 0


def test_parts_of_a_snapshot_are_not_kept_themselves(one: Observer) -> None:
    part = Snapshot((), (), (), is_first=True, is_last=False)
    kept = weakref.ref(part)
    one.receive(2, part)
    del part
    assert kept() is None


@pytest.mark.parametrize("node", ["", "n" * 65, "n 2"])
def test_invalid_node_ids_are_skipped(one: Observer, node: str) -> None:
    assert one.receive(1, ANN, node=node) == []
    assert len(one.peers) == 1


def test_the_number_of_nodes_is_bounded(one: Observer) -> None:
    for number in range(MOST_NODES):
        one.receive(1, node=f"o{number}")
    assert len(one.peers) == MOST_NODES
    assert one.receive(1, ANN, EVENTS, node="one-more") == [EVENTS]

"""Two nodes have one list of users, and tell each other who types and who has read what."""

from collections.abc import Callable

import pytest

from tests.blackbox.speaker import NUMBER, Speaker
from tests.deploy.node import connections
from tests.stress.cluster.conftest import Node, StartNode
from tests.support.client import Event, has_joined, has_left, is_message, is_type
from tests.support.redis import Redis
from tests.support.waiting import eventually

Come = Callable[..., Speaker]
Nodes = tuple[Node, Node]


@pytest.fixture
def room() -> str:
    """A room that nobody has been in."""
    return f"room-{next(NUMBER)}"


@pytest.fixture
def ann(nodes: Nodes, come: Come, room: str) -> Speaker:
    """Somebody on the first node."""
    ann = come(nodes[0], "ann", room)
    ann.arrive()
    ann.first(has_joined("ann"))
    return ann


def comes_or_goes(event: Event) -> bool:
    """Want whatever tells that somebody has come or gone."""
    return event["type"] in {"presence", "system"}


def test_who_is_on_another_node_is_in_the_list_and_is_told_of(
    nodes: Nodes, come: Come, room: str, ann: Speaker
) -> None:
    bob = come(nodes[1], "bob", room)
    (joined,) = bob.arrive()
    assert (joined["users"], joined["count"]) == (["ann", "bob"], 2)
    told = [ann.first(comes_or_goes), ann.first(comes_or_goes)]
    assert any(map(has_joined("bob"), told))
    (presence,) = filter(is_type("presence"), told)
    assert (presence["online"], presence["offline"], presence["count"]) == (["bob"], [], 2)
    bob.leave()
    told = [ann.first(comes_or_goes), ann.first(comes_or_goes)]
    (presence,) = filter(is_type("presence"), told)
    assert (presence["online"], presence["offline"], presence["count"]) == ([], ["bob"], 1)
    assert any(map(has_left("bob"), told))


def test_a_user_of_both_nodes_is_one_user_until_gone_from_both(
    nodes: Nodes, come: Come, room: str, ann: Speaker
) -> None:
    there = come(nodes[1], "bob", room)
    there.arrive()
    ann.first(has_joined("bob"))
    here = come(nodes[0], "bob", room)
    (joined,) = here.arrive()
    assert (joined["users"], joined["count"]) == (["ann", "bob"], 2)
    there.leave()
    # Somebody else leaves the same node after him: had he been told of, then before that.
    carl = come(nodes[1], "carl", room)
    carl.arrive()
    carl.leave()
    told = ann.up_to(has_left("carl"))
    assert not any(map(has_left("bob"), told))
    here.leave()
    ann.first(has_left("bob"))


def test_who_types_on_another_node_is_seen_to_begin_and_to_stop(
    nodes: Nodes, come: Come, room: str, ann: Speaker
) -> None:
    bob = come(nodes[1], "bob", room)
    bob.arrive()
    for is_typing in (True, False):
        bob.send(type="typing", room=room, isTyping=is_typing)
        typing = ann.first(is_type("typing"))
        assert (typing["username"], typing["isTyping"]) == ("bob", is_typing)


def test_what_somebody_has_read_on_another_node_is_told(
    nodes: Nodes, come: Come, room: str, ann: Speaker
) -> None:
    bob = come(nodes[1], "bob", room)
    bob.arrive()
    seq = ann.ask("message", room=room, message="read this")["seq"]
    bob.first(lambda event: event.get("seq") == seq)
    bob.send(type="read", room=room, seq=seq)
    read = ann.first(is_type("read"))
    assert (read["username"], read["seq"]) == ("bob", seq)


# --- how many connections -------------------------------------------------------------------------


def test_the_cap_of_a_users_connections_is_one_for_both(nodes: Nodes, come: Come) -> None:
    eve = come(nodes[1], "eve")
    eve.arrive()
    many = [come(nodes[0], "max") for _ in range(10)]
    for one in many:
        one.arrive()
    many[-1].send(type="message", message="all of me")
    eve.first(is_message("all of me"))  # behind the count of the tenth
    assert come(nodes[1], "Max").close_code() == 4505


def test_connections_to_a_node_that_was_killed_lock_nobody_out(
    nodes: Nodes, start_node: StartNode, come: Come
) -> None:
    eve = come(nodes[1], "eve")
    eve.arrive()
    mortal = start_node()
    many = [come(mortal, "joe") for _ in range(10)]
    for one in many:
        one.arrive()
    many[-1].send(type="message", message="about to be cut")
    eve.first(is_message("about to be cut"))
    mortal.server.kill()
    for _ in range(10):
        come(nodes[1], "joe").arrive()
    assert come(nodes[1], "joe").close_code() == 4505


def test_who_comes_to_both_at_the_same_moment_keeps_no_more_than_one_too_many_for_each(
    nodes: Nodes, come: Come, redis: Redis
) -> None:
    def count() -> int:
        return sum(connections(node.server) for node in nodes)

    others = count()
    with redis.frozen():  # as if all came before either node could tell the other
        for _ in range(10):
            for node in nodes:
                come(node, "tom").arrive()
        assert count() == others + 20
    # To 10 at first: the node that had to end some ends all that are too many.
    eventually(lambda: count() <= others + 12, "no more than 12 are left")
    assert count() >= others + 10

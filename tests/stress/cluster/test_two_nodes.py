"""Two nodes with one store and one Redis are one chat; tests/cluster has the details."""

from collections.abc import Callable

import pytest

from tests.blackbox.speaker import NUMBER, Speaker, seqs
from tests.stress.cluster.broken import LAST_WORDS, program
from tests.stress.cluster.conftest import Node, StartNode
from tests.support.client import Chatter, Event, has_joined, has_left, is_message, is_type
from tests.support.redis import Redis

Connect = Callable[..., Speaker]
Nodes = tuple[Node, Node]


@pytest.fixture
def room() -> str:
    """A new room."""
    return f"room-{next(NUMBER)}"


@pytest.fixture
def ann(nodes: Nodes, connect: Connect, room: str) -> Speaker:
    """A user on the first node."""
    client = connect(nodes[0], "ann", room)
    client.arrive()
    client.first(has_joined("ann"))
    return client


@pytest.fixture
def bob(nodes: Nodes, connect: Connect, room: str, ann: Speaker) -> Speaker:
    """A user on the second node, known to the first node."""
    client = connect(nodes[1], "bob", room)
    client.arrive()
    ann.first(is_type("presence"))
    return client


def texts(events: list[Event]) -> list[str]:
    """Return the texts of the messages, in order."""
    return [event["message"] for event in events if event["type"] == "message"]


def test_messages_of_both_nodes_arrive_at_both_in_the_same_order(
    ann: Speaker, bob: Speaker, room: str
) -> None:
    for number in range(30):
        for client in (ann, bob):
            client.send(type="message", room=room, message=f"{client.name} {number}")
    received = []
    for client in (ann, bob):
        events: list[Event] = []
        while len(events) < 60:
            events.append(client.first(is_type("message")))
        received.append(events)
    assert received[0] == received[1]
    numbers = seqs(received[0])
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    assert {event["username"] for event in received[0]} == {"ann", "bob"}


def test_version_1_clients_talk_across_nodes(nodes: Nodes, connect: Connect) -> None:
    ann = connect(nodes[0], "ann", "general")
    ann.arrive()
    bob = Chatter(nodes[1].server.url(), "bob")
    try:
        bob.arrive()
        bob.say("from version 1")
        assert ann.first(is_message("from version 1"))["username"] == "bob"
        for number in range(10):
            ann.send(type="message", message=f"{number}")
        events = bob.up_to(is_message("9"))
        assert texts(events)[-10:] == list("0123456789")
        assert seqs(events) == sorted(set(seqs(events)))
    finally:
        bob.leave()


def test_edits_and_deletions_reach_the_other_node_and_its_history(
    ann: Speaker, bob: Speaker, room: str
) -> None:
    kept, gone = (ann.ask("message", room=room, message=text)["id"] for text in ("one", "two"))
    ann.ask("edit", room=room, id=kept, message="uno")
    ann.ask("delete", room=room, id=gone)
    edited = bob.first(is_type("edited"))
    assert (edited["target"], edited["message"]) == (kept, "uno")
    assert bob.first(is_type("deleted"))["target"] == gone
    assert texts(bob.ask("history", room=room)["history"]) == ["uno", ""]


def test_users_of_the_other_node_are_members_until_they_leave(
    nodes: Nodes, connect: Connect, room: str, ann: Speaker
) -> None:
    bob = connect(nodes[1], "bob", room)
    (joined,) = bob.arrive()
    assert (joined["users"], joined["count"]) == (["ann", "bob"], 2)
    for online, offline, notice in ((["bob"], [], has_joined), ([], ["bob"], has_left)):
        events = [ann.first(lambda event: event["type"] in {"presence", "system"}) for _ in "12"]
        (presence,) = filter(is_type("presence"), events)
        assert (presence["online"], presence["offline"]) == (online, offline)
        assert any(map(notice("bob"), events))
        bob.leave()


def test_typing_and_read_markers_reach_the_other_node(
    ann: Speaker, bob: Speaker, room: str
) -> None:
    for is_typing in (True, False):
        bob.send(type="typing", room=room, isTyping=is_typing)
        typing = ann.first(is_type("typing"))
        assert (typing["username"], typing["isTyping"]) == ("bob", is_typing)
    seq = ann.ask("message", room=room, message="read this")["seq"]
    bob.first(lambda event: event.get("seq") == seq)
    bob.send(type="read", room=room, seq=seq)
    read = ann.first(is_type("read"))
    assert (read["username"], read["seq"]) == ("bob", seq)


def test_connections_to_both_nodes_count_together(nodes: Nodes, connect: Connect) -> None:
    eve = connect(nodes[1], "eve")
    eve.arrive()
    many = [connect(nodes[0], "max") for _ in range(10)]
    for one in many:
        one.arrive()
    many[-1].send(type="message", message="all connected")
    eve.first(is_message("all connected"))  # follows the count of the tenth connection
    assert connect(nodes[1], "Max").close_code() == 4505


def test_without_redis_each_node_serves_its_clients_and_catches_up_later(
    nodes: Nodes, connect: Connect, redis: Redis, room: str
) -> None:
    ann, abe = connect(nodes[0], "ann", room), connect(nodes[0], "abe", room)
    bob = connect(nodes[1], "bob", room)
    head = max(one.arrive()[0]["head"] for one in (ann, abe, bob))
    redis.kill()
    try:
        for node in nodes:
            node.wait_until_degraded()
        for number in range(20):
            ann.send(type="message", room=room, message=f"{number}")
        abe.up_to(is_message("19"))
    finally:
        redis.start()
    for node in nodes:
        node.wait_until_ready()
    ann.send(type="message", room=room, message="Redis is back")
    received = seqs(bob.up_to(is_message("Redis is back")), room)
    assert received == list(range(received[0], received[-1] + 1))
    assert received[0] <= head + 1


def test_a_message_whose_node_died_before_publishing_it_is_delivered(
    nodes: Nodes, start_node: StartNode, connect: Connect, room: str
) -> None:
    bob = connect(nodes[0], "bob", room)
    bob.arrive()
    mortal = start_node(program("mortal"))
    carl = connect(mortal, "carl", room, device="d1")
    carl.arrive()
    bob.first(has_joined("carl"))
    carl.send(type="message", room=room, message=LAST_WORDS, ref="r")
    assert mortal.server.wait() == -9
    bob.send(type="message", room=room, message="carl?")
    assert texts(bob.up_to(is_message("carl?"))) == [LAST_WORDS, "carl?"]
    again = connect(nodes[1], "carl", room, device="d1")
    again.arrive()
    assert again.ask("message", room=room, message=LAST_WORDS, ref="r")["dup"]

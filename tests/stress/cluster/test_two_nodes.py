"""Two nodes on one store: what is said on one is heard on the other, in order, whatever is lost."""

from collections.abc import Callable

import pytest

from tests.blackbox.speaker import NUMBER, Speaker, seqs
from tests.stress.cluster.broken import LAST_WORDS, program
from tests.stress.cluster.conftest import Node, StartNode
from tests.support.client import Chatter, Event, has_joined, is_message, is_type
from tests.support.redis import Redis

Come = Callable[..., Speaker]
Nodes = tuple[Node, Node]


@pytest.fixture
def room() -> str:
    """A room that nobody has been in."""
    return f"room-{next(NUMBER)}"


def texts(events: list[Event]) -> list[str]:
    """What has been said, in the order in which it came."""
    return [event["message"] for event in events if event["type"] == "message"]


# --- while all is well ----------------------------------------------------------------------------


def test_what_is_said_on_both_comes_to_both_in_the_same_order(
    nodes: Nodes, come: Come, room: str
) -> None:
    ann, bob = (come(node, name, room) for node, name in zip(nodes, ("ann", "bob"), strict=True))
    ann.arrive()
    bob.arrive()
    for number in range(30):
        for somebody in (ann, bob):
            somebody.send(type="message", room=room, message=f"{somebody.name} {number}")
    seen = []
    for one in (ann, bob):
        heard: list[Event] = []
        while len(texts(heard)) < 60:
            heard.append(one.next())
        seen.append([event for event in heard if event["type"] == "message"])
    assert seen[0] == seen[1]
    numbers = seqs(seen[0])
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    assert {event["username"] for event in seen[0]} == {"ann", "bob"}


def test_who_speaks_plainly_hears_another_node_too(nodes: Nodes, come: Come) -> None:
    ann = come(nodes[0], "ann", "general")
    ann.arrive()
    bob = Chatter(nodes[1].server.url(), "bob")
    try:
        bob.arrive()
        bob.say("from a plain one")
        assert ann.first(is_message("from a plain one"))["username"] == "bob"
        for number in range(10):
            ann.send(type="message", message=f"{number}")
        events = bob.up_to(is_message("9"))
        assert texts(events)[-10:] == list("0123456789")
        assert seqs(events) == sorted(set(seqs(events)))
    finally:
        bob.leave()


def test_an_edit_and_a_deletion_come_to_the_other_node_and_into_its_history(
    nodes: Nodes, come: Come, room: str
) -> None:
    ann, bob = come(nodes[0], "ann", room), come(nodes[1], "bob", room)
    ann.arrive()
    bob.arrive()
    kept, gone = (ann.ask("message", room=room, message=text)["id"] for text in ("one", "two"))
    ann.ask("edit", room=room, id=kept, message="uno")
    ann.ask("delete", room=room, id=gone)
    edited = bob.first(is_type("edited"))
    assert (edited["target"], edited["message"]) == (kept, "uno")
    assert bob.first(is_type("deleted"))["target"] == gone
    history = bob.ask("history", room=room)["history"]
    assert [event["message"] for event in history if event["type"] == "message"] == ["uno", ""]


def test_a_retry_on_another_node_is_no_second_message(nodes: Nodes, come: Come, room: str) -> None:
    ann = come(nodes[0], "ann", room, device="d1")
    ann.arrive()
    first = ann.ask("message", room=room, message="once", ref="r")
    ann.drop()
    again = come(nodes[1], "ann", room, device="d1")
    again.arrive()
    repeat = again.ask("message", room=room, message="once", ref="r")
    assert (repeat["id"], repeat["seq"], repeat["dup"]) == (first["id"], first["seq"], True)


def test_who_comes_back_to_another_node_gets_just_what_was_missed(
    nodes: Nodes, come: Come, room: str
) -> None:
    ann, bob = come(nodes[0], "ann", room), come(nodes[1], "bob", room)
    ann.arrive()
    (joined,) = bob.arrive()
    ann.send(type="message", room=room, message="seen")
    last = bob.first(is_message("seen"))["seq"]
    bob.drop()
    said = [ann.ask("message", room=room, message=f"{number}")["seq"] for number in range(5)]
    again = come(nodes[0], "bob", {room: {"since": last, "epoch": joined["epoch"]}})
    (resumed,) = again.arrive()
    assert resumed["recovered"]
    assert set(said) <= set(seqs(resumed["history"]))
    assert seqs(resumed["history"]) == list(range(last + 1, resumed["head"] + 1))


# --- while something is missing -------------------------------------------------------------------


def test_without_redis_each_node_serves_its_own_and_nothing_is_missing_when_it_is_back(
    nodes: Nodes, come: Come, redis: Redis, room: str
) -> None:
    ann, abe = come(nodes[0], "ann", room), come(nodes[0], "abe", room)
    bob = come(nodes[1], "bob", room)
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
    ann.send(type="message", room=room, message="it is back")
    heard = seqs(bob.up_to(is_message("it is back")), room)
    assert heard == list(range(heard[0], heard[-1] + 1))
    assert heard[0] <= head + 1


def test_what_a_node_could_not_tell_is_found_with_the_next_event_of_the_room(
    nodes: Nodes, come: Come, room: str
) -> None:
    ann, bob = come(nodes[0], "ann", room), come(nodes[1], "bob", room)
    ann.arrive()
    bob.arrive()
    nodes[0].link.cut()
    try:
        nodes[0].wait_until_degraded()
        assert ann.ask("message", room=room, message="told to nobody")["type"] == "ack"
        bob.send(type="message", room=room, message="the next")
        heard = bob.up_to(is_message("the next"))
        assert texts(heard) == ["told to nobody", "the next"]
    finally:
        nodes[0].link.mend()
        nodes[0].wait_until_ready()
    assert texts(ann.up_to(is_message("the next"))) == ["told to nobody", "the next"]


def test_what_a_node_says_while_it_is_cut_off_for_a_moment_arrives_when_it_is_back(
    nodes: Nodes, come: Come, room: str
) -> None:
    ann, bob = come(nodes[0], "ann", room), come(nodes[1], "bob", room)
    ann.arrive()
    bob.arrive()
    nodes[0].link.cut()
    nodes[0].wait_until_degraded()
    for number in range(12):
        ann.ask("message", room=room, message=f"{number}")
    nodes[0].link.mend()
    # Nobody says anything more, and heads are compared every 30 s: then this would give up.
    assert texts(bob.up_to(is_message("11"))) == [str(number) for number in range(12)]


def test_what_was_committed_by_a_node_that_died_before_it_told_is_there(
    nodes: Nodes, start_node: StartNode, come: Come, room: str
) -> None:
    bob = come(nodes[0], "bob", room)
    bob.arrive()
    mortal = start_node(program("mortal"))
    carl = come(mortal, "carl", room, device="d1")
    carl.arrive()
    bob.first(has_joined("carl"))
    carl.send(type="message", room=room, message=LAST_WORDS, ref="r")
    assert mortal.server.wait() == -9
    bob.send(type="message", room=room, message="carl?")
    assert texts(bob.up_to(is_message("carl?"))) == [LAST_WORDS, "carl?"]
    again = come(nodes[1], "carl", room, device="d1")
    again.arrive()
    assert again.ask("message", room=room, message=LAST_WORDS, ref="r")["dup"]

"""Messages, acknowledgements and retries in version 2 (docs/reference/wire.md, promises 3, 4)."""

import threading
from collections.abc import Callable

from tests.support.client import Chatter, Event, has_joined, is_message, is_type
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker

SETTINGS = NO_LIMITS

ALSO_ON_SQLITE = True

Speak = Callable[..., Speaker]


def settled(speak: Speak, name: str, room: str, device: str | None = None) -> Speaker:
    """Return a client in the room that has read all messages of its join."""
    member = speak(name, room, device=device)
    member.arrive()
    member.fence(room)
    return member


def messages(member: Speaker, room: str) -> list[str]:
    """Give the texts of the room's messages but the fences, from its history."""
    page = member.ask("history", room=room, limit=100)
    said = [event["message"] for event in page["history"] if event["type"] == "message"]
    return [each for each in said if not each.startswith("fence")]


def test_plain_and_version_2_clients_receive_the_same_messages(
    speak: Speak, server: ChatServer
) -> None:
    ann, pia = settled(speak, "ann", "general"), Chatter(server.url(), "pia")
    pia.arrive()
    ann.up_to(has_joined("pia"))
    ann.ask("message", message="from ann")
    assert ann.next() == pia.first(is_message("from ann"))
    pia.say("from pia")
    assert ann.next() == pia.next()
    pia.send(type="message", message="with a ref", ref="r")
    assert ann.next() == pia.next()  # an ack is not for who is plain
    pia.leave()


def test_the_same_ref_on_two_connections_stores_one_message(speak: Speak, room: str) -> None:
    one, two = (settled(speak, "ann", room, f"d-{room}") for _ in range(2))
    refs = [f"r{number}" for number in range(100)]
    acks: dict[Speaker, list[Event]] = {}
    begin = threading.Barrier(2)

    def talk(member: Speaker) -> None:
        begin.wait()
        for ref in refs:
            member.send(type="message", room=room, message=f"text {ref}", ref=ref)
        acks[member] = [member.first(is_type("ack")) for _ in refs]

    talkers = [threading.Thread(target=talk, args=(each,)) for each in (one, two)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    for mine, theirs in zip(acks[one], acks[two], strict=True):
        assert {mine.pop("dup"), theirs.pop("dup")} == {True, False}
        assert mine == theirs
    assert sorted(messages(one, room)) == sorted(f"text {ref}" for ref in refs)


def test_a_client_repeats_an_unanswered_request_after_a_lost_connection(
    speak: Speak, room: str
) -> None:
    bob = settled(speak, "bob", room)
    for number in range(20):
        ann = settled(speak, "ann", room, f"d-{room}")
        ann.send(type="message", room=room, message=f"line {number}", ref=f"r{number}")
        ann.drop()
        ann = settled(speak, "ann", room, f"d-{room}")
        ann.ask("message", room=room, message=f"line {number}", ref=f"r{number}")
        ann.leave()
    assert messages(bob, room) == [f"line {number}" for number in range(20)]

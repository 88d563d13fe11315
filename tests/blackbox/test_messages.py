"""Messages and typing of plain connections (docs/reference/wire.md)."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, is_message, is_refusal, is_type
from tests.support.frames import CONTINUATION, TEXT, frame
from tests.support.raw import joined
from tests.support.server import ChatServer

from .witness import Witness

ALSO_OVER_TLS = True

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "0", "--typing-rate", "0")

Join = Callable[..., Chatter]

WHITE_SPACE = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])) + (
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The Unicode property White_Space."""

NOT_WHITE_SPACE = "\x1c\x1f\u180e\u200b\u2060\ufeff"
"""What looks like it, or Python strips, but does not have the property."""


def pair(join: Join) -> tuple[Chatter, Chatter]:
    """Give two people in the room who have heard of each other's coming."""
    ann, bob = join("ann"), join("bob")
    ann.up_to(lambda e: e["type"] == "presence" and "bob" in e["users"])
    bob.arrive()
    return ann, bob


def test_a_message_reaches_the_room_and_its_sender_as_the_same_event(join: Join) -> None:
    ann, bob = pair(join)
    ann.say("hello")
    mine, theirs = ann.first(is_message("hello")), bob.first(is_message("hello"))
    assert mine == theirs
    fields = {"type", "id", "seq", "room", "username", "message", "time", "ts"}
    assert set(mine) == fields
    assert (mine["username"], mine["room"]) == ("ann", "general")


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "as JSON"},
        {"type": "message", "message": "as JSON"},
        {"type": "message", "message": "as JSON", "room": "general"},
        {"message": "as JSON", "unknownKey": {"deep": [1, 2.5, None]}},
        {"message": "  as JSON\n"},
    ],
)
def test_a_json_object_is_a_message(join: Join, fields: dict[str, object]) -> None:
    ann = join("ann")
    ann.arrive()
    ann.send(**fields)
    assert ann.first(is_type("message"))["message"] == "as JSON"


def test_a_text_that_does_not_begin_with_a_brace_is_a_message_as_it_is(join: Join) -> None:
    ann = join("ann")
    ann.arrive()
    for text in ('[{"message":5}]', "\\u0041", "a\nb\tc", "\u202e\u0301", "\U0001f600", "0"):
        ann.say(text)
        assert ann.first(is_type("message"))["message"] == text


def test_a_message_is_trimmed_of_white_space_and_of_nothing_else(join: Join) -> None:
    ann = join("ann")
    ann.arrive()
    ann.say(WHITE_SPACE + "a" + WHITE_SPACE + "b" + WHITE_SPACE)
    assert ann.first(is_type("message"))["message"] == "a" + WHITE_SPACE + "b"
    ann.say(NOT_WHITE_SPACE + "c" + NOT_WHITE_SPACE)
    assert ann.first(is_type("message"))["message"] == NOT_WHITE_SPACE + "c" + NOT_WHITE_SPACE


def test_a_message_of_4096_characters_is_the_longest(join: Join) -> None:
    ann = join("ann")
    ann.arrive()
    for text in ("x" * 4096, "\U0001f600" * 4096, " " * 9 + "y" * 4096 + " " * 9):
        ann.say(text)
        assert ann.first(is_type("message"))["message"] == text.strip()
    ann.say("z" * 4097)
    assert ann.first(is_refusal)["message"]
    assert ann.fence("next") == []


def test_a_message_in_fragments_is_one_message(server: ChatServer, join: Join) -> None:
    ann = join("ann")
    ann.arrive()
    whole = "in \u20ac pieces".encode()
    with joined(server.address, "bob") as bob:
        bob.push(frame(TEXT, whole[:4], fin=False))  # in the middle of the euro sign
        bob.push(frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, whole[4:]))
        assert ann.first(is_type("message"))["message"] == whole.decode()


def test_messages_of_one_sender_keep_their_order(join: Join) -> None:
    ann, bob = pair(join)
    for number in range(200):
        ann.say(f"line {number}")
    events = bob.up_to(is_message("line 199"))
    assert [event["message"] for event in events] == [f"line {n}" for n in range(200)]


def test_all_see_the_messages_of_many_senders_in_one_order(join: Join) -> None:
    people = [join(f"sender {number}") for number in range(5)]
    for somebody in people:
        somebody.up_to(lambda e: e["type"] == "presence" and e["count"] == 6)

    def talk(somebody: Chatter) -> None:
        for number in range(50):
            somebody.say(f"{somebody.name}: {number}")

    talkers = [threading.Thread(target=talk, args=(somebody,)) for somebody in people]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    seen = [[somebody.first(is_type("message")) for _ in range(250)] for somebody in people]
    assert all(events == seen[0] for events in seen)
    first = seen[0][0]["seq"]
    assert [event["seq"] for event in seen[0]] == list(range(first, first + 250))


def typings(events: list[Event]) -> list[tuple[str, bool]]:
    """Give who began and who ended typing, in order."""
    return [(e["username"], e["isTyping"]) for e in events if e["type"] == "typing"]


def test_typing_is_told_to_all_on_change_only(join: Join) -> None:
    ann, bob = pair(join)
    for state in (False, True, True, True, False, False, True):
        ann.send(type="typing", isTyping=state)
    expected = [("ann", True), ("ann", False), ("ann", True)]
    assert typings(ann.fence("after")) == expected
    seen = bob.up_to(is_message("after"))
    assert typings(seen) == expected
    first = next(event for event in seen if event["type"] == "typing")
    assert set(first) == {"type", "room", "username", "isTyping", "time"}
    assert first["room"] == "general"


def test_a_message_ends_typing_and_that_is_told_after_it(join: Join) -> None:
    ann, bob = pair(join)
    ann.send(type="typing", isTyping=True)
    ann.say("done")
    assert typings([bob.next()]) == [("ann", True)]
    assert is_message("done")(bob.next())
    assert typings([bob.next()]) == [("ann", False)]


def test_leaving_ends_typing(join: Join) -> None:
    ann, bob = pair(join)
    ann.send(type="typing", isTyping=True)
    bob.first(is_type("typing"))
    ann.leave()
    told = bob.up_to(lambda e: e["type"] == "presence" and "ann" not in e["users"])
    assert typings(told + bob.fence("after")) == [("ann", False)]


def test_typing_is_of_the_user_and_not_of_the_connection(join: Join) -> None:
    ann, bob = pair(join)
    second = join("ann")
    second.arrive()
    ann.send(type="typing", isTyping=True)
    bob.first(is_type("typing"))
    second.send(type="typing", isTyping=True)
    second.say("from the other one")
    told = bob.up_to(lambda e: e["type"] == "typing" and not e["isTyping"])
    assert typings(told) == [("ann", False)]


def test_typing_ends_by_itself_after_6_s_and_a_repeat_renews_them(
    join: Join, witness: Witness
) -> None:
    ann, bob = pair(join)
    pause = threading.Event()
    ann.send(type="typing", isTyping=True)
    pause.wait(2)
    since, began = len(witness.events), time.monotonic()
    bob.send(type="typing", isTyping=True)
    pause.wait(2)
    ann.send(type="typing", isTyping=True)  # so ann, who began before bob, ends after him
    witness.wait_for(lambda e: typings([e]) == [("ann", False)], since=since)
    assert time.monotonic() - began > 6
    told = [e for e in witness.events[since:] if e["type"] == "typing"]
    assert typings(told) == [("bob", True), ("bob", False), ("ann", False)]

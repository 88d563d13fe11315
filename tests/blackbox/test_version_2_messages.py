"""Messages, acknowledgements and retries in version 2 (docs/reference/wire.md, promises 3, 4)."""

import json
import threading
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_joined, is_message, is_type
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .speaker import EVENT_FIELDS, NO_LIMITS, Speaker, assert_error, seqs

SETTINGS = NO_LIMITS

ALSO_ON_SQLITE = True

Speak = Callable[..., Speaker]


def settled(speak: Speak, name: str, room: str, device: str | None = None) -> Speaker:
    """Give somebody in the room who has read all that coming in has brought."""
    somebody = speak(name, room, device=device)
    somebody.arrive()
    somebody.fence(room)
    return somebody


def messages(somebody: Speaker, room: str) -> list[str]:
    """Give the texts of the room's messages but the fences, from its history."""
    page = somebody.ask("history", room=room, limit=100)
    said = [event["message"] for event in page["history"] if event["type"] == "message"]
    return [each for each in said if not each.startswith("fence")]


def test_an_ack_says_what_the_message_has_become_and_comes_before_it(
    speak: Speak, room: str
) -> None:
    ann, bob = settled(speak, "ann", room), settled(speak, "bob", room)
    bob.fence(room)
    ann.send(type="message", room=room, message=" hello ", ref="r1")
    ack, mine = ann.first(is_type("ack")), ann.next()
    assert ack == {
        "type": "ack",
        "ref": "r1",
        "room": room,
        "id": mine["id"],
        "seq": mine["seq"],
        "dup": False,
    }
    assert mine.keys() == EVENT_FIELDS | {"username"}
    assert (mine["username"], mine["message"], mine["room"]) == ("ann", "hello", room)
    assert bob.first(is_message("hello")) == mine


def test_without_a_ref_there_is_no_ack(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room)
    ann.send(type="message", room=room, message="hello")
    assert [event["type"] for event in ann.fence(room)] == ["message"]


def test_without_a_room_the_default_one_is_meant_and_without_a_type_a_message(
    speak: Speak,
) -> None:
    ann = settled(speak, "ann", "general")
    ann.send(message="hello", ref="r")
    assert ann.answer("r")["room"] == "general"
    assert is_message("hello")(ann.next())


def test_a_plain_connection_and_one_of_version_2_see_the_same_messages(
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


def test_the_same_ref_from_the_same_device_is_the_same_message(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room, f"d-{room}")
    first = ann.ask("message", room=room, message="once", ref="r")
    assert first["dup"] is False
    again = ann.ask("message", room=room, message="once", ref="r")
    assert again == first | {"dup": True}
    ann.drop()
    other = settled(speak, "ANN", room, f"d-{room}")
    assert other.ask("message", room=room, message=" once ", ref="r") == first | {"dup": True}
    assert messages(other, room) == ["once"]


def test_a_ref_is_of_a_user_and_device(speak: Speak, room: str) -> None:
    people = [
        settled(speak, "ann", room, "one"),
        settled(speak, "ann", room, "two"),
        settled(speak, "bob", room, "one"),
        settled(speak, "ann", room),
        settled(speak, "ann", room),
    ]
    acks = [each.ask("message", room=room, message="mine", ref="r") for each in people]
    assert [ack["dup"] for ack in acks] == [False] * 5
    assert len({ack["id"] for ack in acks}) == 5


def test_the_same_ref_for_something_else_is_a_conflict(speak: Speak, room: str) -> None:
    other = f"{room}.other"
    ann = speak("ann", room, other, device=f"d-{room}")
    ann.arrive()
    first = ann.ask("message", room=room, message="once", ref="r")
    second = ann.ask("message", room=room, message="twice")
    edited = ann.ask("edit", room=room, id=first["id"], message="edited", ref="e")
    for kind, ref, fields in (
        ("message", "r", {"message": "Once"}),
        ("message", "r", {"message": "once", "room": other}),
        ("edit", "r", {"message": "once", "id": first["id"]}),
        ("delete", "r", {"id": first["id"]}),
        ("message", "e", {"message": "edited"}),
        ("edit", "e", {"message": "edited again", "id": first["id"]}),
        ("edit", "e", {"message": "edited", "id": second["id"]}),
        ("delete", "e", {"id": first["id"]}),
    ):
        asked = {"room": room, **fields}
        answer = ann.ask(kind, ref=ref, **asked)
        assert_error(answer, "conflict", ref=ref, room=asked["room"])
    assert ann.ask("message", room=room, message="once", ref="r") == first | {"dup": True}
    again = ann.ask("edit", room=room, id=first["id"], message="edited", ref="e")
    assert again == edited | {"dup": True}
    assert messages(ann, room) == ["edited", "twice"]
    assert messages(ann, other) == []


def test_two_of_one_device_at_the_same_time_are_one_message(speak: Speak, room: str) -> None:
    one, two = (settled(speak, "ann", room, f"d-{room}") for _ in range(2))
    refs = [f"r{number}" for number in range(100)]
    acks: dict[Speaker, list[Event]] = {}
    begin = threading.Barrier(2)

    def talk(somebody: Speaker) -> None:
        begin.wait()
        for ref in refs:
            somebody.send(type="message", room=room, message=f"text {ref}", ref=ref)
        acks[somebody] = [somebody.first(is_type("ack")) for _ in refs]

    talkers = [threading.Thread(target=talk, args=(each,)) for each in (one, two)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    for mine, theirs in zip(acks[one], acks[two], strict=True):
        assert {mine.pop("dup"), theirs.pop("dup")} == {True, False}
        assert mine == theirs
    assert sorted(messages(one, room)) == sorted(f"text {ref}" for ref in refs)


def test_two_in_one_packet_are_one_message(server: ChatServer, room: str) -> None:
    with RawConnection(server.address) as ann:
        ann.upgrade()
        hello = {"type": "hello", "v": 2, "username": "ann", "device": "d", "rooms": {room: {}}}
        said = json.dumps({"type": "message", "room": room, "message": "once", "ref": "r"})
        ann.push(text(json.dumps(hello)) + text(said) * 2 + text(said.replace('"r"', '"s"')))
        events = [ann.read_event()]
        while events[-1].get("ref") != "s":
            events.append(ann.read_event())
        first, second = (e for e in events if e.get("ref") == "r")
        assert second == first | {"dup": True}
        ann.say_goodbye()


def test_what_has_no_answer_yet_when_the_line_breaks_is_asked_again(
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


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"message": ""}, "bad_request"),
        ({"message": " \u2003"}, "bad_request"),
        ({"message": "a\x00b"}, "bad_request"),
        ({"message": 5}, "bad_request"),
        ({"message": None}, "bad_request"),
        ({}, "bad_request"),
        ({"message": "x" * 4097}, "too_large"),
        ({"message": "\U0001f600" * 4097}, "too_large"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_message_that_cannot_be_is_refused_with_its_ref_and_room(
    speak: Speak, room: str, fields: dict[str, object], code: str
) -> None:
    ann = settled(speak, "ann", room)
    assert_error(ann.ask("message", room=room, ref="r", **fields), code, ref="r", room=room)
    assert ann.fence(room) == []


def test_a_message_to_a_room_one_is_not_in_is_refused(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room)
    for asked, meant in ({"room": "elsewhere"}, "elsewhere"), ({}, "general"):
        answer = ann.ask("message", message="hello", ref="r", **asked)
        assert_error(answer, "not_joined", ref="r", room=meant)
    assert ann.fence(room) == []


@pytest.mark.parametrize("ref", ["", "a b", "r" * 65, "\u00e9", "a\nb", 5, True, [], {}], ids=str)
def test_a_ref_that_cannot_be_is_refused_and_nothing_is_said(
    speak: Speak, room: str, ref: object
) -> None:
    ann = settled(speak, "ann", room)
    for kind, fields in (
        ("message", {"message": "hello"}),
        ("history", {}),
        ("leave", {}),
        ("join", {}),
        ("edit", {"id": "x", "message": "hello"}),
        ("delete", {"id": "x"}),
    ):
        ann.send(type=kind, room=room, ref=ref, **fields)
        error = ann.next()
        assert (error["type"], error["code"]) == ("error", "bad_request")
        assert "ref" not in error
    assert ann.fence(room) == []


def test_a_ref_of_64_visible_characters_is_fine(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room)
    for ref in ("!" * 64, '"\\{}~', "__proto__"):
        assert ann.ask("message", room=room, message="hello", ref=ref)["dup"] is False


def test_a_text_that_is_no_object_is_no_message_in_version_2(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room)
    for said in ("hello", "[]", '"hello"', "5", "null", "", " {}"):
        ann.say(said)
        assert_error(ann.next(), "bad_request")
    assert ann.fence(room) == []


def test_each_room_has_its_own_numbers_and_each_is_seen_in_order(speak: Speak, room: str) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    bob, ann = speak("bob", *rooms), speak("ann", *rooms)
    bob.arrive()
    ann.arrive()
    for number in range(90):
        ann.send(type="message", room=rooms[number % 3], message=f"line {number}", ref=f"{number}")
    told = [bob.first(is_type("message")) for _ in range(90)]
    for each in rooms:
        assert seqs(told, each) == list(range(3, 33))  # behind two notices


def test_typing_is_told_to_all_of_the_room_of_both_kinds(speak: Speak, server: ChatServer) -> None:
    ann, bob = settled(speak, "ann", "general"), settled(speak, "bob", "general")
    pia = Chatter(server.url(), "pia")
    pia.arrive()
    ann.send(type="typing", isTyping=True)
    ann.send(type="typing", isTyping=True)
    ann.ask("message", message="done")
    for somebody in (ann, bob, pia):
        told = somebody.up_to(lambda e: e["type"] == "typing" and not e["isTyping"])
        told = [e for e in told if e["type"] in {"typing", "message"}][-3:]
        assert [e["type"] for e in told] == ["typing", "message", "typing"]
        assert told[0].keys() == {"type", "room", "username", "isTyping", "time"}
    ann.send(type="typing", room="elsewhere", isTyping=True)
    assert_error(ann.first(is_type("error")), "not_joined", room="elsewhere")
    pia.leave()


ODD_TEXTS = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea e\u0301 \u202eabc\u202c",
    "a\u2028b\u2029c\x85d",
    "\x01\x1f\x7f\u0080\ufdd0\ufffe\uffff\U0010ffff",
    '"\\/\b\f\n\r\tx" {"type":"message"} \\u0041 \\ud800 %s $1 \';--',
    "\u1e9e\u0130\u0131\ufb01\u212b\u00c5A\u030a",
    "\ufeffbom\ufeff",
    "</script><img src=x onerror=alert(1)>",
    "\U00020000" * 4096,
]


def test_a_text_comes_back_as_it_went_live_and_from_the_log(speak: Speak, room: str) -> None:
    ann = settled(speak, "ann", room)
    for said in ODD_TEXTS:
        ann.ask("message", room=room, message=said)
        assert ann.next()["message"] == said
    assert messages(ann, room) == ODD_TEXTS

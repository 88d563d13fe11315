"""The first frame of version 2 (docs/reference/wire.md)."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.client import Chatter, has_joined, is_type
from tests.support.server import ChatServer
from tests.support.tokens import for_user

from .speaker import NO_LIMITS, Speaker, assert_error

SETTINGS = NO_LIMITS

Speak = Callable[..., Speaker]

JOINED_FIELDS = {
    *("type", "room", "epoch", "head", "read", "users", "count"),
    *("reads", "recovered", "history", "more"),
}


def test_the_welcome_says_who_one_is_and_what_one_may_do(speak: Speak, room: str) -> None:
    ann = speak("ann", room, device="d-7f3a")
    assert ann.next() == {
        "type": "welcome",
        "v": 2,
        "username": "ann",
        "device": "d-7f3a",
        "limits": {
            "frameBytes": 65536,
            "messageChars": 4096,
            "ratePerSecond": 0,
            "burst": 20,
            "rooms": 50,
            "resume": 500,
        },
    }


def test_the_welcome_has_the_form_of_the_name_that_all_events_carry(
    speak: Speak, room: str
) -> None:
    first = speak("Zoë", room)
    first.arrive()
    second = speak("ZOË", room)
    assert second.next()["username"] == "Zoë"
    second.send(type="message", room=room, message="hi")
    assert second.first(is_type("message"))["username"] == "Zoë"


def test_the_first_in_a_room_finds_it_empty_but_for_itself(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    (joined,) = ann.arrive()
    assert joined.keys() == JOINED_FIELDS
    epoch = joined.pop("epoch")
    assert epoch
    assert isinstance(epoch, str)
    assert joined == {
        "type": "joined",
        "room": room,
        "head": 0,
        "read": 0,
        "users": ["ann"],
        "count": 1,
        "reads": {},
        "recovered": False,
        "history": [],
        "more": False,
    }
    notice = ann.next()
    assert has_joined("ann")(notice)
    assert (notice["seq"], notice["room"]) == (1, room)
    assert ann.fence(room) == []


def test_there_is_one_joined_for_each_room_and_no_other(speak: Speak, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    ann = speak("ann", *rooms)
    assert ann.next()["type"] == "welcome"
    told = ann.up_to(lambda e: has_joined("ann")(e) and e["room"] == rooms[-1])
    told += ann.fence(rooms[0])
    assert sorted(e["room"] for e in told if e["type"] == "joined") == sorted(rooms)
    assert sorted(e["room"] for e in told if e["type"] == "system") == sorted(rooms)


@pytest.mark.parametrize("rooms", [{}, {"rooms": {}}, {"rooms": None}], ids=str)
def test_who_asks_for_no_room_is_in_the_default_one(
    server: ChatServer, rooms: dict[str, object]
) -> None:
    hello = {"type": "hello", "v": 2, "username": "ann", **rooms}
    ann = Chatter(server.url(), json.dumps(hello))
    assert ann.next()["type"] == "welcome"
    assert ann.next()["room"] == "general"
    ann.leave()


def test_without_a_device_the_server_makes_one_unlike_all_others(speak: Speak) -> None:
    made = [speak(name).next()["device"] for name in ("ann", "ann", "bob")]
    assert len(set(made)) == 3
    for device in made:
        assert 16 <= len(device) <= 64
        assert device.isascii()
        assert device.isprintable()
        assert " " not in device


def test_a_device_is_shown_to_nobody_and_is_in_no_log_line(
    speak: Speak, server: ChatServer, room: str
) -> None:
    secret = "the-secret-of-this-device"
    bob, ann = speak("bob", room), speak("ann", room, device=secret)
    pia = Chatter(server.url(), "pia")
    pia.arrive()
    bob.arrive()
    ann.arrive()
    ack = ann.ask("message", room=room, message="hello")
    ann.ask("edit", room=room, id=ack["id"], message="hello!")
    ann.send(type="typing", room=room, isTyping=True)
    ann.send(type="read", room=room, seq=ack["seq"])
    seen = bob.up_to(is_type("read"))
    seen += [bob.ask("history", room=room)]
    ann.send(type="nonsense")
    assert secret not in json.dumps(seen + ann.up_to(is_type("error")))
    assert secret not in "".join(server.log_lines)
    pia.leave()


BAD_HELLOS: dict[str, dict[str, object]] = {
    "no version": {"v": None},
    "version 1": {"v": 1},
    "version 3": {"v": 3},
    "a version of text": {"v": "2"},
    "half a version": {"v": 2.5},
    "true as version": {"v": True},
    "no name": {"username": None},
    "an empty name": {"username": ""},
    "a number as name": {"username": 5},
    "33 characters": {"username": "x" * 33},
    "a brace": {"username": "{ann"},
    "a brace after a blank": {"username": " {ann"},
    "only marks": {"username": "\u0301"},
    "only blanks": {"username": "\u3000 "},
    "a control character": {"username": "a\nb"},
    "an empty device": {"device": ""},
    "a device of 65": {"device": "d" * 65},
    "a device with a blank": {"device": "a b"},
    "a device beyond ASCII": {"device": "d\u00e9"},
    "a device with DEL": {"device": "d\x7f"},
    "a number as device": {"device": 5},
    "an array of rooms": {"rooms": ["general"]},
    "a text as rooms": {"rooms": "general"},
    "a room in capitals": {"rooms": {"General": {}}},
    "an empty room": {"rooms": {"": {}}},
    "a room that begins with a dot": {"rooms": {".general": {}}},
    "a room with a blank": {"rooms": {"my room": {}}},
    "a room with a line feed": {"rooms": {"general\n": {}}},
    "a room of 65": {"rooms": {"r" * 65: {}}},
    "a room beyond ASCII": {"rooms": {"caf\u00e9": {}}},
    "a number for a room": {"rooms": {"general": 5}},
    "an array for a room": {"rooms": {"general": []}},
    "a text as since": {"rooms": {"general": {"since": "5", "epoch": "x"}}},
    "a negative since": {"rooms": {"general": {"since": -1, "epoch": "x"}}},
    "half a since": {"rooms": {"general": {"since": 1.5, "epoch": "x"}}},
    "true as since": {"rooms": {"general": {"since": True, "epoch": "x"}}},
    "a number as epoch": {"rooms": {"general": {"since": 5, "epoch": 5}}},
    "51 rooms": {"rooms": {f"r{n}": {} for n in range(51)}},
    "another type": {"type": "message"},
    "a number as type": {"type": 5},
}


@pytest.fixture(scope="module")
def watcher(server: ChatServer) -> Iterator[Speaker]:
    """Somebody before whom nobody is to appear."""
    somebody = Speaker(server.url(), "watcher", "elsewhere")
    somebody.arrive()
    yield somebody
    somebody.leave()


@pytest.mark.parametrize("fault", BAD_HELLOS.values(), ids=BAD_HELLOS)
def test_a_faulty_hello_is_answered_and_closed_and_nothing_of_it_is_taken(
    server: ChatServer, watcher: Speaker, fault: dict[str, object]
) -> None:
    watcher.fence("elsewhere")
    rooms: dict[str, object] = {"elsewhere": {}}
    hello = {"type": "hello", "v": 2, "username": "eve", "device": "d", "rooms": rooms}
    if isinstance(more := fault.get("rooms"), dict):
        fault = {"rooms": {**rooms, **more}}
    eve = Chatter(server.url(), json.dumps(hello | fault))
    told, code = eve.rest()
    eve.leave()
    assert code == 4501
    assert len(told) == 1
    assert_error(told[0], "bad_request")
    told = watcher.fence("elsewhere")
    assert not [event for event in told if event["type"] in {"presence", "system"}]


def test_unknown_keys_and_odd_but_good_rooms_are_fine(server: ChatServer) -> None:
    rooms: dict[str, object] = {
        "0": {"x": 1},
        "a.b_c-d": {"since": None, "epoch": None},
        "r" * 64: {},
    }
    hello = {"type": "hello", "v": 2, "username": "ann", "rooms": rooms, "x": [{}], "ref": "r"}
    ann = Chatter(server.url(), json.dumps(hello))
    assert ann.next()["type"] == "welcome"
    told = [ann.first(is_type("joined"))["room"] for _ in rooms]
    assert sorted(told) == sorted(rooms)
    ann.leave()


def test_a_name_is_prepared_and_keeps_its_case(speak: Speak, room: str) -> None:
    ann = speak("  Ann \u3000 O\u2019Hara ", room)
    assert ann.next()["username"] == "Ann O\u2019Hara"
    assert ann.next()["users"] == ["Ann O\u2019Hara"]


def test_names_that_compare_as_equal_are_one_user_in_the_form_first_given(
    speak: Speak, room: str
) -> None:
    bob = speak("bob", room)
    bob.arrive()
    bob.fence(room)
    first = speak("Ann", room)
    first.arrive()
    bob.first(has_joined("Ann"))
    second = speak("aNN", room)
    (joined,) = second.arrive()
    assert (joined["users"], joined["count"]) == (["Ann", "bob"], 2)
    second.ask("message", room=room, message="from the second")
    assert second.first(is_type("message"))["username"] == "Ann"
    first.leave()
    second.ask("message", room=room, message="still here")
    told = bob.up_to(lambda e: e.get("message") == "still here")
    assert [e["type"] for e in told] == ["message", "message"]
    assert told[-1]["username"] == "Ann"
    second.leave()
    assert bob.first(is_type("presence"))["offline"] == ["Ann"]
    third = speak("ANN", room)
    (joined,) = third.arrive()
    assert joined["users"] == ["ANN", "bob"]


def test_the_form_first_given_is_the_user_s_in_every_room_until_it_has_left_all(
    speak: Speak, room: str
) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    first, second = speak("Ann", rooms[0]), speak("ANN", rooms[1])
    first.arrive()
    (joined,) = second.arrive()
    assert joined["users"] == ["Ann"]
    assert has_joined("Ann")(second.next())
    first.ask("leave", room=rooms[0])
    assert first.ask("join", room=rooms[2])["users"] == ["Ann"]
    second.ask("leave", room=rooms[1])
    first.ask("leave", room=rooms[2])
    assert second.ask("join", room=rooms[0])["users"] == ["ANN"]
    assert first.ask("join", room=rooms[1])["users"] == ["ANN"]


def test_a_user_may_be_there_plainly_and_in_version_2_and_counts_once(
    speak: Speak, server: ChatServer
) -> None:
    plain = Chatter(server.url(), "both")
    plain.arrive()
    ann = speak("both", "general")
    (joined,) = ann.arrive()
    assert joined["users"].count("both") == 1
    plain.leave()
    assert [e for e in ann.fence() if e["type"] in {"presence", "system"}] == []


def test_an_eleventh_connection_of_a_user_is_too_many(speak: Speak) -> None:
    for _ in range(10):
        speak("many").arrive()
    assert speak("MANY").close_code() == 4505


def test_where_no_tokens_are_asked_for_one_is_a_bad_request(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    ann.arrive()
    answer = ann.ask("auth", token=for_user("ann", time.time() + 3600), ref="r")
    assert_error(answer, "bad_request", ref="r")


def test_a_second_hello_is_no_command(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    ann.arrive()
    assert_error(ann.ask("hello", v=2, username="ann", ref="r"), "bad_request", ref="r")

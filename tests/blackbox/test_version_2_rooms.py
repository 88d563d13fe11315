"""Joining and leaving rooms in version 2 (docs/reference/wire.md)."""

import json
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_joined, has_left, is_message, is_type
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker, assert_error

SETTINGS = NO_LIMITS

Speak = Callable[..., Speaker]

PAGE = "\U0001f600" * 4096
"""16 KiB: sixteen of them are more than one ``joined`` holds."""


def present(speak: Speak, name: str, *rooms: str) -> Speaker:
    """Give somebody in these rooms who has read all that coming in has brought."""
    somebody = speak(name, *rooms)
    somebody.arrive()
    for room in rooms:
        somebody.fence(room)
    return somebody


def others(events: list[Event], room: str) -> list[Event]:
    """Give what of these events is of another room."""
    return [event for event in events if event.get("room") != room]


def test_joining_answers_with_the_ref_and_tells_the_others_before_the_notice(
    speak: Speak, room: str
) -> None:
    bob, ann = present(speak, "bob", room), present(speak, "ann", f"{room}.0")
    joined = ann.ask("join", room=room, ref="r")
    assert (joined["type"], joined["ref"], joined["room"]) == ("joined", "r", room)
    assert (joined["users"], joined["count"]) == (["ann", "bob"], 2)
    change, notice = bob.next(), bob.next()
    assert change.keys() == {"type", "room", "online", "offline", "count", "time"}
    assert (change["type"], change["room"], change["count"]) == ("presence", room, 2)
    assert (change["online"], change["offline"]) == (["ann"], [])
    assert has_joined("ann")(notice)
    assert ann.next() == notice
    assert notice["seq"] == joined["head"] + 1
    assert ann.fence(room) == []  # its own coming is no change to it


def test_without_a_ref_joining_is_answered_too_and_leaving_is_not(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", f"{room}.0")
    ann.send(type="join", room=room)
    joined = ann.next()
    assert joined["type"] == "joined"
    assert "ref" not in joined
    assert has_joined("ann")(ann.next())
    ann.send(type="leave", room=room)
    assert ann.fence(f"{room}.0") == []


def test_who_has_left_a_room_is_told_nothing_more_of_it_and_the_others_at_once(
    speak: Speak, room: str
) -> None:
    elsewhere = f"{room}.0"
    bob, ann = present(speak, "bob", room), present(speak, "ann", elsewhere, room)
    bob.fence(room)
    ann.fence(room)
    ann.send(type="typing", room=room, isTyping=True)
    assert ann.next()["isTyping"] is True
    assert ann.ask("leave", room=room, ref="r") == {"type": "ack", "ref": "r"}
    told = bob.up_to(has_left("ann"))
    typed = [event["isTyping"] for event in told if event["type"] == "typing"]
    assert typed == [True, False]
    change = next(event for event in told if event["type"] == "presence")
    assert (change["online"], change["offline"], change["count"]) == ([], ["ann"], 1)
    assert_error(
        ann.ask("message", room=room, message="hello", ref="r"), "not_joined", room=room, ref="r"
    )
    bob.ask("message", room=room, message="she has gone")
    assert others(ann.fence(elsewhere), elsewhere) == []
    bob.send(type="typing", room=room, isTyping=True)
    bob.ask("message", room=room, message="she has gone")
    assert others(ann.fence(elsewhere), elsewhere) == []


def test_everything_about_a_room_one_is_not_in_is_refused(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", f"{room}.0")
    for kind, fields in (
        ("message", {"message": "hello"}),
        ("leave", {}),
        ("history", {}),
        ("edit", {"id": "x", "message": "hello"}),
        ("delete", {"id": "x"}),
    ):
        answer = ann.ask(kind, room=room, ref="r", **fields)
        assert_error(answer, "not_joined", room=room, ref="r")
    for kind, more in (("typing", {"isTyping": True}), ("read", {"seq": 0})):
        ann.send(type=kind, room=room, **more)
        assert_error(ann.next(), "not_joined", room=room)


def test_who_has_left_the_default_room_has_to_name_another(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", "general", room)
    ann.ask("leave", room="general")
    answer = ann.ask("message", message="hello", ref="r")
    assert_error(answer, "not_joined", room="general", ref="r")
    ann.ask("leave", room=room)
    assert ann.ask("join", room="general")["type"] == "joined"


def test_joining_again_is_answered_and_told_to_nobody(speak: Speak, room: str) -> None:
    bob, ann = present(speak, "bob", room), present(speak, "ann", room)
    bob.fence(room)
    ack = ann.ask("message", room=room, message="hello")
    again = ann.ask("join", room=room)
    assert (again["head"], again["recovered"]) == (ack["seq"], False)
    assert again["history"][-1]["message"] == "hello"
    assert again["users"] == ["ann", "bob"]
    assert [event["type"] for event in bob.fence(room)] == ["message"]
    epoch = again["epoch"]
    known = {"since": ack["seq"] - 1, "epoch": epoch}
    again = ann.ask("join", room=room, **known)
    assert again["recovered"] is True
    assert again["history"][0]["message"] == "hello"
    ann.fence(room)
    assert ann.fence(room) == []


def test_of_two_connections_of_a_user_the_first_to_leave_is_told_to_nobody(
    speak: Speak, room: str
) -> None:
    bob = present(speak, "bob", room)
    one, two = present(speak, "ann", room), present(speak, "ann", room)
    bob.fence(room)
    one.ask("leave", room=room)
    assert bob.fence(room) == []
    one.ask("join", room=room)
    assert bob.fence(room) == []
    two.ask("leave", room=room)
    assert bob.fence(room) == []
    one.ask("leave", room=room)
    assert bob.first(is_type("presence"))["offline"] == ["ann"]


@pytest.mark.parametrize(
    "name", ["", "General", "my room", ".a", "-a", "_a", "r" * 65, "caf\u00e9", "a/b", "a\n", 5, []]
)
def test_a_room_that_cannot_be_is_refused(speak: Speak, room: str, name: object) -> None:
    ann = present(speak, "ann", room)
    for kind, fields in (
        ("join", {}),
        ("leave", {}),
        ("message", {"message": "hello"}),
        ("history", {}),
    ):
        error = ann.ask(kind, ref="r", room=name, **fields)
        is_strange = isinstance(name, str) and kind != "join"
        assert_error(error, "not_joined" if is_strange else "bad_request", ref="r")
    assert ann.fence(room) == []


def test_no_room_to_join_or_leave_is_a_bad_request(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room)
    for kind in ("join", "leave"):
        assert_error(ann.ask(kind, ref="r"), "bad_request", ref="r")


def test_a_51st_room_is_too_much_until_one_is_left(speak: Speak, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    ann = speak("ann", *rooms)
    ann.arrive()
    answer = ann.ask("join", room=room, ref="r")
    assert_error(answer, "limit_exceeded", room=room, ref="r")
    assert ann.ask("join", room=rooms[7])["type"] == "joined"
    ann.ask("leave", room=rooms[7])
    assert ann.ask("join", room=room)["type"] == "joined"
    answer = ann.ask("join", room=rooms[7], ref="r")
    assert_error(answer, "limit_exceeded", room=rooms[7], ref="r")


def test_what_is_asked_in_one_packet_is_done_in_its_order(server: ChatServer, room: str) -> None:
    asked = [
        {"type": "hello", "v": 2, "username": "ann", "rooms": {f"{room}.0": {}}},
        {"type": "join", "room": room, "ref": "1"},
        {"type": "message", "room": room, "message": "one", "ref": "2"},
        {"type": "leave", "room": room, "ref": "3"},
        {"type": "message", "room": room, "message": "not there", "ref": "4"},
        {"type": "join", "room": room, "ref": "5"},
        {"type": "join", "room": room, "ref": "6"},
        {"type": "message", "room": room, "message": "two", "ref": "7"},
        {"type": "history", "room": room, "ref": "8"},
        {"type": "leave", "room": room, "ref": "9"},
    ]
    for packets in (1, len(asked)):
        with RawConnection(server.address) as ann:
            ann.upgrade()
            frames = [text(json.dumps(each)) for each in asked]
            for packet in [b"".join(frames)] if packets == 1 else frames:
                ann.push(packet)
            answers: dict[str, Event] = {}
            while len(answers) < 9:
                event = ann.read_event()
                if "ref" in event:
                    answers[event["ref"]] = event
            types = [answers[str(number)]["type"] for number in range(1, 10)]
            assert types == [
                *("joined", "ack", "ack", "error"),
                *("joined", "joined", "ack", "history", "ack"),
            ]
            assert answers["4"]["code"] == "not_joined"
            ann.say_goodbye()


def test_fifty_rooms_with_full_histories_drop_nobody(
    speak: Speak, server: ChatServer, room: str
) -> None:
    rooms: dict[str, dict[str, object]] = {f"{room}.{number}": {} for number in range(50)}
    writer = speak("writer", rooms)
    writer.arrive()
    for _ in range(17):
        for each in rooms:
            writer.send(type="message", room=each, message=PAGE)
        writer.ask("message", room=each, message="said, and read by the writer")
    hello = {"type": "hello", "v": 2, "username": "ann", "rooms": rooms}
    shown: dict[str, Event] = {}
    here: set[str] = set()
    with RawConnection(server.address, receive_buffer_bytes=65536) as ann:
        ann.upgrade()
        ann.push(text(json.dumps(hello)))
        for each in rooms:
            writer.ask("message", room=each, message="said while nobody reads")
        while here < rooms.keys():
            event = ann.read_event()
            if event["type"] == "joined":
                shown[event["room"]] = event
            elif event["type"] == "system":
                assert event["seq"] == shown[event["room"]]["head"] + 1
                here.add(event["room"])
        ann.say_goodbye()
    for event in shown.values():
        assert len(event["history"]) >= 14
        assert event["history"][-1]["seq"] == event["head"]
        assert event["more"] is True


def test_a_plain_connection_is_told_of_the_default_room_only(
    speak: Speak, server: ChatServer, room: str
) -> None:
    pia, ann = Chatter(server.url(), "pia"), present(speak, "ann", "general", room)
    ann.ask("message", message="hello")
    pia.up_to(is_message("hello"))
    ann.ask("message", room=room, message="elsewhere")
    ann.ask("leave", room=room)
    assert pia.fence("after") == []
    pia.leave()

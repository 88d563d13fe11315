"""Joining and leaving rooms in version 2 (docs/reference/wire.md)."""

import json
from collections.abc import Callable

from tests.support.client import Event
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker

SETTINGS = NO_LIMITS

Speak = Callable[..., Speaker]

PAGE = "\U0001f600" * 4096
"""16 KiB: sixteen of them are more than one ``joined`` holds."""


def present(speak: Speak, name: str, *rooms: str) -> Speaker:
    """Return a client in these rooms that has read all messages of its joins."""
    member = speak(name, *rooms)
    member.arrive()
    for room in rooms:
        member.fence(room)
    return member


def others(events: list[Event], room: str) -> list[Event]:
    """Give what of these events is of another room."""
    return [event for event in events if event.get("room") != room]


def test_commands_in_one_packet_run_in_order(server: ChatServer, room: str) -> None:
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


def test_fifty_rooms_with_full_histories_drop_no_client(
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

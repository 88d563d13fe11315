"""Who is there, as version 2 is told of it (docs/reference/wire.md, promise 7)."""

import json
import time
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_joined, has_left, is_type
from tests.support.frames import close, text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker

SETTINGS = NO_LIMITS

Speak = Callable[..., Speaker]

GRACE_SECONDS = 5


def present(speak: Speak, name: str, *rooms: str) -> Speaker:
    """Give somebody in these rooms who has read all that coming in has brought."""
    somebody = speak(name, *rooms)
    somebody.arrive()
    for room in rooms or ("general",):
        somebody.fence(room)
    return somebody


def changes(events: list[Event]) -> list[tuple[list[str], list[str], int]]:
    """Give what presence events say, in order."""
    return [(e["online"], e["offline"], e["count"]) for e in events if e["type"] == "presence"]


def test_plain_connections_are_told_everybody_and_version_2_the_change(
    speak: Speak, server: ChatServer
) -> None:
    ann = present(speak, "ann", "general")
    pia = Chatter(server.url(), "pia")
    presence = pia.first(is_type("presence"))
    assert presence.keys() == {"type", "room", "users", "count", "time"}
    assert (presence["users"], presence["count"]) == (["ann", "pia"], 2)
    change = ann.next()
    assert change.keys() == {"type", "room", "online", "offline", "count", "time"}
    assert (change["online"], change["offline"], change["count"]) == (["pia"], [], 2)
    assert has_joined("pia")(ann.next())
    bob = present(speak, "Bob", "general")
    presence = pia.first(lambda event: event["type"] == "presence" and event["count"] == 3)
    assert presence["users"] == ["Bob", "ann", "pia"]  # by code point
    bob.leave()
    assert pia.first(is_type("presence"))["users"] == ["ann", "pia"]
    pia.leave()
    told = ann.up_to(has_left("pia"))
    assert changes(told) == [(["Bob"], [], 3), ([], ["Bob"], 2), ([], ["pia"], 1)]


def test_a_close_with_1000_and_any_end_of_a_plain_connection_are_told_at_once(
    speak: Speak, server: ChatServer
) -> None:
    bob = present(speak, "bob")
    began = time.monotonic()
    for number in range(4):
        ann = present(speak, "ann", "general")
        ann.leave()
        with RawConnection(server.address) as pia:
            pia.upgrade()
            pia.push(text("pia"))
            bob.first(has_joined("pia"))
            if number == 0:
                pia.reset()
            elif number == 1:
                pia.push(close(1001))
                pia.read_end()
        bob.first(has_left("pia"))
    assert time.monotonic() - began < 4 * GRACE_SECONDS


@pytest.fixture(scope="module")
def hasty(server: ChatServer) -> dict[str, dict[str, object]]:
    """Fifty rooms, and ten people who have gone while they were coming in."""
    rooms: dict[str, dict[str, object]] = {f"hasty.{number}": {} for number in range(50)}
    for number in range(10):
        hello = {"type": "hello", "v": 2, "username": f"hasty{number}", "rooms": rooms}
        said = {"type": "message", "room": "hasty.7", "message": "hello, and goodbye"}
        with RawConnection(server.address) as line:
            line.upgrade()
            line.push(text(json.dumps(hello)) + text(json.dumps(said)) + close(1000 + number % 2))
            if number % 3 == 0:
                line.reset()
            else:
                line.read_end()
    return rooms


@pytest.mark.usefixtures("hasty")  # so that two tests wait for the same five seconds
def test_other_ends_of_version_2_are_told_when_nobody_has_come_back_in_time(
    speak: Speak, server: ChatServer, room: str
) -> None:
    bob = present(speak, "bob", room)
    hello = '{"type":"hello","v":2,"username":"%s","rooms":{"%s":{}}}'
    ends: dict[str, Callable[[RawConnection], object]] = {
        "reset": lambda line: line.reset(),
        "vanished": lambda line: line.socket.close(),
        "page closed": lambda line: line.push(close(1001)),
        "without a code": lambda line: line.push(close(None)),
        "of its own": lambda line: line.push(close(4999)),
        "in protest": lambda line: line.push(b"\xff" * 10),
    }
    lines = {}
    for name in (*ends, "returns", "other"):
        lines[name] = RawConnection(server.address)
        lines[name].upgrade()
        lines[name].push(text(hello % (name, room)))
        bob.first(has_joined(name))
    other = present(speak, "other", room)
    bob.fence(room)
    began = time.monotonic()
    for name, end in ends.items():
        end(lines[name])
    for name in ("returns", "other"):
        lines[name].reset()
    back = speak("returns", room)
    (joined,) = back.arrive()
    assert joined["users"] == sorted([*ends, "bob", "other", "returns"])
    told = back.fence(room)
    assert changes(told) == []
    told = bob.up_to(lambda event: len(gone(event)) > 0)
    assert time.monotonic() - began > GRACE_SECONDS - 1
    while len(gone_names(told)) < len(ends):
        told.append(bob.next())
    told += bob.fence(room)
    assert sorted(gone_names(told)) == sorted(ends)
    assert sorted(e["message"] for e in told if e["type"] == "system") == sorted(
        f"{name} has left the chat" for name in ends
    )
    assert [e for e in told if e["type"] == "presence"][-1]["count"] == 3
    other.ask("leave", room=room)
    assert bob.first(is_type("presence"))["offline"] == ["other"]
    for line in lines.values():
        line.socket.close()


def gone(event: Event) -> list[str]:
    """Give who is gone, by one event."""
    return event["offline"] if event["type"] == "presence" else []


def gone_names(events: list[Event]) -> list[str]:
    """Give who is gone, by several."""
    return [name for event in events for name in gone(event)]


def test_presence_is_of_each_room(speak: Speak, room: str) -> None:
    one, two = f"{room}.1", f"{room}.2"
    bob, eve = present(speak, "bob", one), present(speak, "eve", two)
    ann = present(speak, "ann", one, two)
    ann.ask("leave", room=one)
    assert changes(bob.up_to(has_left("ann"))) == [(["ann"], [], 2), ([], ["ann"], 1)]
    assert changes(eve.fence(two)) == [(["ann"], [], 2)]
    ann.leave()
    assert changes(eve.up_to(has_left("ann"))) == [([], ["ann"], 1)]
    assert changes(bob.fence(one)) == []


def test_whoever_went_while_it_came_in_has_left_no_ghost(
    speak: Speak, hasty: dict[str, dict[str, object]]
) -> None:
    bob = speak("bob", hasty)
    for joined in bob.arrive():
        while joined["users"] != ["bob"]:
            bob.first(lambda event: bool(gone(event)))
            joined = bob.ask("join", room=joined["room"])  # noqa: PLW2901 - the same, later

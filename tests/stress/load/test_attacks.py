"""Cheap attacks of one address, within the default limits, do not delay a bystander."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.stress.load.bystander import bystander
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import head
from tests.support.server import ChatServer

SECONDS = 6.0
P95_MS = 100
"""The limit for the round trips of the bystander."""

DEFAULTS = (
    *("--notice-rate", "6", "--new-room-rate", "100", "--log-level", "warning"),
    # The bystander sends 33 messages a second.
    *("--message-rate", "40", "--message-burst", "60"),
)

OBJECTS = text('{"type":"nonsense","x":[' + "{}," * 21_000 + "{}]}")
FEW_OBJECTS = text('{"type":"nonsense","x":[' + "{}," * 4_000 + '{}],"y":"' + "z" * 40_000 + '"}')


def hello(name: str, rooms: list[str]) -> bytes:
    message = {"type": "hello", "v": 2, "username": name, "rooms": {room: {} for room in rooms}}
    return text(json.dumps(message))


def connected(server: ChatServer, first: bytes) -> RawConnection | None:
    """Return a connection that has sent its first frame; None beyond the rate of upgrades."""
    connection = RawConnection(server.address)
    connection.push(head())
    if connection.read_response(body=False).status != 101:
        connection.reset()
        return None
    connection.push(first)
    return connection


def send_objects(server: ChatServer, number: int) -> str:
    """Send the most expensive frames until the server ends the connection."""
    connection = connected(server, hello(f"mallory{number}", ["general"]))
    if connection is None:
        return "upgrade refused"
    frame = OBJECTS if number % 2 else FEW_OBJECTS
    with suppress(OSError, AssertionError):
        for _ in range(100):
            if not connection.push(frame):
                break
        connection.read_close()
    connection.reset()
    return "connection"


def open_rooms(server: ChatServer, number: int) -> str:
    """Join 50 new rooms at once, and reset the connection."""
    rooms = [f"new-{number}-{each}" for each in range(50)]
    connection = connected(server, hello(f"mallory{number}", rooms))
    if connection is None:
        return "upgrade refused"
    answers = [connection.read_event() for _ in range(51)]
    connection.reset()
    refused = [one for one in answers if one.get("code") == "limit_exceeded"]
    return "hello refused in part" if refused else "hello"


def join_and_leave(server: ChatServer, number: int) -> str:
    """Join and leave, under ten names in turn."""
    connection = connected(server, text(f"flaky{number % 10}"))
    if connection is None:
        return "upgrade refused"
    connection.read_event()
    connection.say_goodbye()
    connection.reset()
    return "visit"


@pytest.mark.load
@pytest.mark.parametrize("attack", [send_objects, open_rooms, join_and_leave])
def test_a_cheap_attack_does_not_delay_a_bystander(
    attack: Callable[[ChatServer, int], str],
) -> None:
    with ChatServer(*DEFAULTS) as server, bystander(server, attack.__name__) as figures:
        done: Counter[str] = Counter()
        until = time.monotonic() + SECONDS
        number = 0
        while time.monotonic() < until:
            number += 1
            done[attack(server, number)] += 1
    sys.stderr.write(f"  {dict(done)}\n")
    assert figures.refused == []
    assert figures.unready == 0
    assert figures.p95_ms <= P95_MS

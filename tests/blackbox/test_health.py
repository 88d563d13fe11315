"""Signs of life: heartbeat, ping, and the end of who gives none."""

import time

from tests.support.client import Chatter, has_left, is_type
from tests.support.frames import CLOSE, PING, PONG, frame, text
from tests.support.raw import joined
from tests.support.server import ChatServer

from .witness import Witness

SETTINGS = ("--heartbeat-interval", "1", "--ping-interval", "0.5", "--pong-timeout", "3")


def test_a_heartbeat_tells_the_time_in_milliseconds(server: ChatServer) -> None:
    ann = Chatter(server.url(), "ann")
    first, second = (ann.first(is_type("heartbeat")) for _ in range(2))
    ann.leave()
    assert set(first) == {"type", "time"}
    assert type(first["time"]) is int
    assert abs(first["time"] / 1000 - time.time()) < 600
    assert second["time"] > first["time"]


def test_who_answers_no_ping_is_gone_and_who_does_stays(
    server: ChatServer, witness: Witness
) -> None:
    since = len(witness.events)
    with joined(server.address, "mute") as mute, joined(server.address, "alive") as alive:
        pings = 0
        while not any(has_left("mute")(e) for e in witness.events[since:]):
            taken = alive.read_frame()
            assert taken is not None, "the one who answers was ended"
            assert taken.opcode != CLOSE, taken
            if taken.opcode == PING:
                pings += 1
                alive.push(frame(PONG, taken.payload))
        assert pings >= 2
        assert mute.read_close() == 4003
        alive.push(text("alive and well"))
        witness.wait_for(lambda e: e.get("message") == "alive and well", since=since)


def test_a_message_is_a_sign_of_life_too(server: ChatServer, witness: Witness) -> None:
    began = time.monotonic()
    with joined(server.address, "talker") as talker:
        number = 0
        while time.monotonic() - began < 6:  # twice the timeout, without a pong
            taken = talker.read_frame()
            assert taken is not None
            assert taken.opcode != CLOSE, taken
            if taken.opcode == PING:
                number += 1
                talker.push(text(f"I don't answer, I talk: {number}"))
        witness.wait_for(lambda e: str(e.get("message")).startswith("I don't answer"))


def test_the_server_answers_a_ping_with_its_payload(server: ChatServer) -> None:
    with joined(server.address, "pinger") as pinger:
        for payload in (b"", b"x", b"y" * 125):
            pinger.push(frame(PING, payload))
            taken = pinger.read_frame()
            while taken is not None and taken.opcode != PONG:
                taken = pinger.read_frame()
            assert taken is not None
            assert taken.payload == payload
        pinger.say_goodbye()

"""What version 2 may do how often (docs/reference/wire.md): one rate for all that costs."""

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.client import Event, is_type
from tests.support.server import ChatServer

from .speaker import NUMBER, Speaker, assert_error
from .witness import ROUND_TRIP_SECONDS, Bystander

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "2", "--message-burst", "8")

Speak = Callable[..., Speaker]
Serve = Callable[..., ChatServer]

COSTLY: dict[str, dict[str, object]] = {
    "message": {"message": "hello"},
    "join": {},
    "history": {"limit": 1},
    "edit": {"id": "unknown", "message": "hello"},
    "delete": {"id": "unknown"},
    "auth": {"token": "x"},
    "leave": {},
}


@pytest.fixture
def name() -> str:
    """A user of whom nothing has been counted."""
    return f"user{next(NUMBER)}"


def assert_has_to_wait(answer: Event, ref: str, room: str | None) -> float:
    """Hold that it is refused with a time to wait, and give that in seconds."""
    wait_ms = answer.get("retryAfterMs")
    assert isinstance(wait_ms, int)
    assert 1 <= wait_ms <= 1000
    fields = {"ref": ref, "retryAfterMs": wait_ms} | ({"room": room} if room else {})
    assert_error(answer, "rate_limited", **fields)
    return wait_ms / 1000


def spend(somebody: Speaker, room: str) -> Event:
    """Say more than may be said, and give the first refusal."""
    for number in range(20):
        somebody.send(
            type="message", room=room, message="hello", ref=f"spend {number}".replace(" ", "-")
        )
    refusal = somebody.first(is_type("error"))
    somebody.answer("spend-19")
    return refusal


def test_each_command_that_costs_is_refused_past_the_rate_with_its_ref_and_room(
    speak: Speak, name: str, room: str
) -> None:
    rooms = [room, f"{room}.2"]
    ann = speak(name, *rooms)
    ann.arrive()
    refusal = spend(ann, room)
    assert_has_to_wait(refusal, refusal["ref"], room)
    for kind, fields in COSTLY.items():
        # By now one more may be let through, but not two.
        answers = []
        for each in reversed(rooms):
            where = {} if kind == "auth" else {"room": each}
            answers.append(ann.ask(kind, ref="r", **where, **fields))
            if answers[-1].get("code") == "rate_limited":
                assert_has_to_wait(answers[-1], "r", where.get("room"))
        assert "rate_limited" in [answer.get("code") for answer in answers], answers


def test_the_rate_is_of_a_user_whatever_the_connection_device_or_kind(
    speak: Speak, name: str, room: str
) -> None:
    one, two = speak(name, room, device="1"), speak(name.upper(), room, device="2")
    one.arrive()
    two.arrive()
    spend(one, room)
    assert_has_to_wait(two.ask("history", room=room, ref="r"), "r", room)
    other = speak(f"{name}-too", room)
    other.arrive()
    assert other.ask("history", room=room)["type"] == "history"


def test_a_name_at_another_address_is_another_user_as_far_as_rates_go(
    speak: Speak, name: str, room: str
) -> None:
    one, two = speak(name, room), speak(name, room, source_address=("127.0.0.2", 0))
    one.arrive()
    assert two.arrive()[0]["count"] == 1
    spend(one, room)
    assert two.ask("history", room=room)["type"] == "history"


def test_who_waits_as_long_as_it_is_told_is_let_through(speak: Speak, name: str, room: str) -> None:
    ann = speak(name, room)
    ann.arrive()
    spend(ann, room)
    answer = ann.ask("message", room=room, message="hello", ref="again")
    wait = assert_has_to_wait(answer, "again", room)
    threading.Event().wait(wait)
    assert ann.ask("message", room=room, message="hello", ref="again")["dup"] is False


def test_reading_and_typing_cost_nothing_of_it(speak: Speak, name: str, room: str) -> None:
    ann = speak(name, room)
    ann.arrive()
    for seq in range(100):
        ann.send(type="read", room=room, seq=0 if seq else 1)
        ann.send(type="typing", room=room, isTyping=seq % 2 == 0)
    answers = [ann.ask("history", room=room, limit=1) for _ in range(8)]
    assert [answer["type"] for answer in answers] == ["history"] * 8
    assert len([1 for _ in range(5) if ann.ask("history", room=room)["type"] == "error"]) > 0


def test_a_hello_costs_nothing_however_many_rooms_it_asks_for(
    speak: Speak, name: str, room: str
) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    ann = speak(name, *rooms)
    ann.arrive()
    answers = [ann.ask("history", room=rooms[0], limit=1)["type"] for _ in range(8)]
    assert answers == ["history"] * 8


def test_50_refusals_within_a_minute_are_too_much(speak: Speak, name: str, room: str) -> None:
    ann = speak(name, room)
    ann.arrive()
    spend(ann, room)
    with suppress(ConnectionClosed):
        for number in range(100):
            kind, fields = list(COSTLY.items())[number % 6]
            ann.send(type=kind, **({} if kind == "auth" else {"room": room}), **fields)
    told, code = ann.rest()
    assert code == 4005
    assert {event["code"] for event in told if event["type"] == "error"} <= {
        *("rate_limited", "not_found", "bad_request"),
    }


def test_hundreds_of_requests_at_once_harm_nobody(serve: Serve, room: str) -> None:
    server = serve(
        *("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0"),
        *("--send-queue", "100000", "--send-queue-bytes", "100000000"),
    )
    bystander = Bystander(server.url())
    eve = Speaker(server.url(), "eve", room)
    eve.arrive()
    for number in range(60):
        eve.send(type="message", room=room, message=f"{number}" + "\U0001f600" * 4000)
    eve.fence(room)
    refs = [f"r{number}" for number in range(300)]
    with bystander.watching() as watched:
        for ref in refs:
            eve.send(type="history", room=room, limit=100, ref=ref)
        answers: dict[str, Event] = {}
        while len(answers) < len(refs):
            event = eve.next()
            if "ref" in event:
                answers[event["ref"]] = event
    assert answers.keys() == set(refs)
    for answer in answers.values():
        if answer["type"] == "error":
            assert answer["code"] == "limit_exceeded"
        else:
            assert answer["type"] == "history"
            assert len(answer["history"]) >= 14
    assert sum(answer["type"] == "history" for answer in answers.values()) >= 100
    assert watched.slowest < ROUND_TRIP_SECONDS
    eve.leave()
    bystander.leave()

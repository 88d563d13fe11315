"""Concurrent requests of version 2 (docs/reference/wire.md)."""

from collections.abc import Callable

import pytest

from tests.support.client import Event  # noqa: TC001
from tests.support.server import ChatServer

from .speaker import NUMBER, Speaker
from .witness import ROUND_TRIP_SECONDS, Bystander

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "2", "--message-burst", "8")

Speak = Callable[..., Speaker]
Serve = Callable[..., ChatServer]


@pytest.fixture
def name() -> str:
    """A user without history in the rate limits."""
    return f"user{next(NUMBER)}"


def test_hundreds_of_requests_at_once_delay_no_bystander(serve: Serve, room: str) -> None:
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

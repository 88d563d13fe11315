"""Rooms of more than 200 users (docs/reference/wire.md, promise 8)."""

import time
from collections.abc import Iterator

import pytest

from tests.support.client import Chatter, is_type
from tests.support.server import ChatServer

from .crowd import Crowd

SETTINGS = ("--upgrade-rate", "0")

SIZE = 205


@pytest.fixture(scope="module")
def crowd(server: ChatServer) -> Iterator[Crowd]:
    """A room of more than 200."""
    with Crowd(server.address) as people:
        for number in range(SIZE):
            people.add(f"p{number:04}")
        yield people


def test_who_joins_a_crowd_gets_200_names_and_the_whole_count(
    server: ChatServer, crowd: Crowd
) -> None:
    ann = Chatter(server.url(), "ann")
    history, presence = ann.arrive()
    ann.leave()
    assert history["type"] == "history"
    assert presence["count"] == SIZE + 1
    everybody = sorted(["ann", *(f"p{number:04}" for number in range(SIZE))])
    assert presence["users"] == everybody[:200]
    assert len(crowd.members) == SIZE


def test_in_a_crowd_coming_and_going_is_neither_announced_nor_logged(
    server: ChatServer, crowd: Crowd
) -> None:
    ann, bob = Chatter(server.url(), "ann"), Chatter(server.url(), "bob")
    ann.arrive()
    bob.arrive()
    bob.fence("bob is here")
    carol = Chatter(server.url(), "carol")
    carol.arrive()
    carol.fence("carol is here")
    carol.leave()
    told = bob.fence("carol was here")
    assert not [event for event in told if event["type"] == "system"]
    history = Chatter(server.url(), "dora")
    logged = [event["message"] for event in history.next()["history"]]
    for name in ("ann", "bob", "carol", "dora"):
        assert not [message for message in logged if message.startswith(f"{name} has")]
    assert "carol is here" in logged
    for somebody in (ann, bob, history):
        somebody.leave()
    assert len(crowd.members) == SIZE


def test_in_a_crowd_presence_comes_to_others_once_in_10_s_at_most(
    server: ChatServer, crowd: Crowd
) -> None:
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    began = time.monotonic()
    people = [Chatter(server.url(), f"q{number}") for number in range(10)]
    for somebody in people:
        somebody.arrive()
    told = ann.up_to(lambda e: e["type"] == "presence" and e["count"] == SIZE + 11, 40)
    presences = list(filter(is_type("presence"), told))
    assert len(presences) <= 2 + (time.monotonic() - began) / 10
    for somebody in (*people, ann):
        somebody.leave()
    assert len(crowd.members) == SIZE


def test_in_a_crowd_a_message_reaches_everybody(server: ChatServer, crowd: Crowd) -> None:
    ann, bob = Chatter(server.url(), "ann"), Chatter(server.url(), "bob")
    bob.arrive()
    ann.fence("hello, all of you")
    bob.first(lambda e: e.get("message") == "hello, all of you")
    ann.leave()
    bob.leave()
    assert len(crowd.members) == SIZE

"""Concurrent requests keep promises 1, 2 and 4 of docs/reference/wire.md.

Between the ``joined`` and the leaving of a room every event arrives once, in order, and each ack
before its copy.
"""

import json
import random
import threading
from collections.abc import Callable

import pytest

from tests.support.client import Event

from .speaker import Speaker

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0", "--typing-rate", "0"),
    # Our threads read slowly.
    *("--send-queue", "100000", "--send-queue-bytes", "100000000"),
)

KINDS = ("plain", "sqlite")

Speak = Callable[..., Speaker]

ASKED = 300
"""The requests of each client."""

AT_ONCE = 40
"""Pending requests of a client; the server allows more."""


class Subscription:
    """A room as a client knows it; ``next`` is the expected seq, or None outside."""

    def __init__(self) -> None:
        self.next: int | None = None
        self.seen: dict[int, str] = {}

    def take(self, event: Event) -> None:
        """Check a live event."""
        assert event["seq"] == self.next, (event, self.next)
        self.next = event["seq"] + 1
        self.note(event)

    def note(self, event: Event) -> None:
        """Check that the event is the only one of its number."""
        assert self.seen.setdefault(event["seq"], event["id"]) == event["id"], event

    def enter(self, joined: Event) -> None:
        """Check a ``joined``."""
        assert self.next in {None, joined["head"] + 1}, (joined, self.next)
        self.next = joined["head"] + 1
        for event in joined["history"]:
            self.note(event)
        assert not joined["history"] or joined["history"][-1]["seq"] == joined["head"]


class Client:
    """A client that sends random requests, and checks the promises on each answer."""

    def __init__(self, speaker: Speaker, rooms: list[str], seed: int) -> None:
        self.speaker = speaker
        self.places = {room: Subscription() for room in rooms}
        self.copies: dict[str, str] = {}
        self.failure: BaseException | None = None
        self._mind = random.Random(seed)
        self._asked: dict[str, dict[str, object]] = {}

    def run(self) -> None:
        """Send requests and read the answers, and keep the failure."""
        try:
            for number in range(ASKED):
                while len(self._asked) > AT_ONCE:
                    self.take(self.speaker.next())
                self.ask(number)
            while self._asked:
                self.take(self.speaker.next())
        except BaseException as failure:  # noqa: BLE001 - `failure` raises it in the test
            self.failure = failure

    def ask(self, number: int) -> None:
        """Send one more request."""
        room = self._mind.choice(list(self.places))
        place = self.places[room]
        kind = self._mind.choice(["join", "leave", "message", "message", "message", "history"])
        asked: dict[str, object] = {"type": kind, "room": room, "ref": f"{number}"}
        if kind == "message":
            asked["message"] = f"{self.speaker.name} {number}"
        elif kind == "join" and place.next is not None and self._mind.random() < 0.5:
            asked["since"] = place.next - 1
        self._asked[f"{number}"] = asked
        self.speaker.say(json.dumps(asked))

    def take(self, event: Event) -> None:
        """Check the promises on one event."""
        kind, place = event["type"], self.places.get(event.get("room", ""))
        asked = self._asked.pop(event.get("ref", ""), None)
        if kind == "joined":
            assert place is not None
            place.enter(event)
        elif kind == "ack" and asked is not None and asked["type"] == "leave":
            self.places[str(asked["room"])].next = None
        elif kind == "ack":
            assert event["id"] not in self.copies, "the copy came before the ack"
            assert asked is not None
            self.copies[event["id"]] = str(asked["message"])
        elif kind == "error":
            assert event["code"] == "not_joined", event
        elif kind in {"message", "system"}:
            assert place is not None
            place.take(event)
            if kind == "message" and event["username"] == self.speaker.name:
                assert self.copies[event["id"]] == event["message"]
        elif kind != "history":
            assert place is None or place.next is not None, event


@pytest.mark.parametrize("seed", range(4))
def test_each_room_is_complete_and_in_order_under_concurrent_requests(
    speak: Speak, room: str, seed: int
) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    clients = []
    for number in range(3):
        speaker = speak(f"p{number}", rooms[0])
        clients.append(Client(speaker, rooms, 10 * seed + number))
        for joined in speaker.arrive():
            clients[-1].take(joined)
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.failure is not None:
            raise client.failure
    for each in rooms:
        ids: dict[int, str] = {}
        for client in clients:
            for seq, id_ in client.places[each].seen.items():
                assert ids.setdefault(seq, id_) == id_
    assert sum(len(client.copies) for client in clients) > ASKED / 2

"""A client that observes the chat from threads of its own."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed

from tests.support.client import Chatter, Event, is_message
from tests.support.waiting import PATIENCE_SECONDS

ROUND_TRIP_SECONDS = 1.0
"""The limit for the round trips of a bystander, whatever others send."""

PAUSE_SECONDS = 0.03
"""The pause between two round trips; the server must allow forty messages a second."""


class Watched:
    """The events of others, and the slowest round trip, while a bystander watched."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.began = time.monotonic()
        self.events: list[Event] = []
        self.slowest = 0.0

    def of_type(self, kind: str) -> list[Event]:
        """Return the events of one type."""
        return [event for event in self.events if event["type"] == kind]


class Bystander:
    """A client that keeps everything it receives, sends all the time, and times each round trip."""

    def __init__(self, url: str) -> None:
        self.name = "bystander"
        self.events: list[Event] = []
        self.end: ConnectionClosed | None = None
        self.changed = threading.Condition()
        self.round_trips: list[tuple[float, float]] = []
        self.chatter = Chatter(url, self.name)
        self.events += self.chatter.arrive()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._gone = threading.Event()
        self._talker = threading.Thread(target=self._talk, daemon=True)
        self._talker.start()

    def _read(self) -> None:
        try:
            for frame in self.chatter.socket:
                event = json.loads(frame)
                with self.changed:
                    self.events.append(event)
                    self.changed.notify_all()
        except ConnectionClosed as closed:
            self.end = closed
        with self.changed:
            self.changed.notify_all()

    def wait_for(
        self, wanted: Callable[[Event], bool], *, since: int = 0, timeout: float = PATIENCE_SECONDS
    ) -> Event:
        """Return the first wanted event from number ``since`` on, once it arrives."""
        with self.changed:
            found = self.changed.wait_for(
                lambda: next((e for e in self.events[since:] if wanted(e)), None), timeout
            )
        assert found, (
            f"{self.name} did not receive it: {self.events[since:][-20:]}, end: {self.end}"
        )
        return found

    def receive_from(self, talker: Chatter, *texts: str) -> None:
        """Send a message as another client, and wait until it arrives here.

        Threads of one Python process read slowly. Without this wait the server would drop the
        witness as too slow.
        """
        since = len(self.events)
        for text in texts:
            talker.say(text)
        self.wait_for(is_message(texts[-1]), since=since)

    def wait_until_alone(self) -> None:
        """Wait until all others have left the room."""
        with self.changed:
            alone = self.changed.wait_for(lambda: self.users() == [self.name], PATIENCE_SECONDS)
        assert alone, f"still in the room: {self.users()}"

    def users(self) -> list[str]:
        """Return the users in the room by the last presence."""
        return next((e["users"] for e in reversed(self.events) if e["type"] == "presence"), [])

    def _talk(self) -> None:
        number = 0
        while not self._gone.wait(PAUSE_SECONDS) and self.end is None:
            number += 1
            text = f"{self.name} sends {number}"
            since, began = len(self.events), time.monotonic()
            try:
                self.chatter.say(text)
                self.wait_for(is_message(text), since=since)
            except (ConnectionClosed, AssertionError):
                return
            with self.changed:
                self.round_trips.append((began, time.monotonic() - began))
                self.changed.notify_all()

    @contextmanager
    def watching(self) -> Iterator[Watched]:
        """Watch during the body and for one whole round trip after it."""
        watched = Watched(len(self.events))
        yield watched
        self.wait_for_round_trip()
        others = (e for e in self.events[watched.since :] if e.get("username") != self.name)
        watched.events = list(others)
        watched.slowest = max(took for at, took in self.round_trips if at + took > watched.began)

    def wait_for_round_trip(self) -> None:
        """Wait for a round trip that begins from now on."""
        now = time.monotonic()
        with self.changed:
            done = self.changed.wait_for(
                lambda: self.round_trips and self.round_trips[-1][0] > now, PATIENCE_SECONDS
            )
        assert done, f"the bystander's round trips have stopped; end: {self.end}"

    def leave(self) -> None:
        """Stop sending, and close."""
        self._gone.set()
        self._talker.join(PATIENCE_SECONDS)
        self.chatter.leave()
        self._reader.join(PATIENCE_SECONDS)

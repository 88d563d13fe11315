"""The independent client, on the `websockets` package, without code of ours."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.certificates import client_context
from tests.support.waiting import PATIENCE_SECONDS, remaining

Event = dict[str, Any]


def dial(url: str, **options: Any) -> AbstractContextManager[ClientConnection]:  # noqa: ANN401 - theirs
    """Return a WebSocket for a ``with``, with an unlimited receive queue."""
    connection: AbstractContextManager[ClientConnection] = connect(
        url,
        ssl=client_context() if url.startswith("wss:") else None,
        proxy=None,
        max_queue=None,
        open_timeout=PATIENCE_SECONDS,
        close_timeout=PATIENCE_SECONDS,
        ping_interval=None,
        **options,
    )
    return connection


class Chatter:
    """A client of version 1; ``name`` is its first frame, ``options`` are those of `dial`."""

    def __init__(self, url: str, name: str, **options: Any) -> None:  # noqa: ANN401 - as `dial`
        self.name = name
        self._open = ExitStack()
        self.socket = self._open.enter_context(dial(url, **options))
        self.socket.send(name)

    def say(self, text: str) -> None:
        self.socket.send(text)

    def send(self, **fields: object) -> None:
        self.socket.send(json.dumps(fields))

    def next(self, timeout: float = PATIENCE_SECONDS) -> Event:
        """Return the next message, which must be one JSON object in one frame."""
        frame = self.socket.recv(timeout)
        assert isinstance(frame, str), f"a binary frame: {frame!r}"
        event = json.loads(frame)
        assert isinstance(event, dict), f"not an object: {frame}"
        return event

    def up_to(
        self, wanted: Callable[[Event], bool], timeout: float = PATIENCE_SECONDS
    ) -> list[Event]:
        """Receive up to the first wanted event, and return all events."""
        deadline = time.monotonic() + timeout
        events: list[Event] = []
        try:
            while not events or not wanted(events[-1]):
                events.append(self.next(remaining(deadline)))
        except TimeoutError:
            raise AssertionError(f"{self.name} received only {events}") from None
        return events

    def first(self, wanted: Callable[[Event], bool], timeout: float = PATIENCE_SECONDS) -> Event:
        """Receive up to the first wanted event, and return only that."""
        return self.up_to(wanted, timeout)[-1]

    def arrive(self) -> list[Event]:
        """Receive the events of joining, up to the first presence."""
        return self.up_to(is_type("presence"))

    def fence(self, text: str) -> list[Event]:
        """Send a text, and return all events before its copy."""
        self.say(text)
        return self.up_to(is_message(text))[:-1]

    def close_code(self) -> int | None:
        """Receive until the server closes, and return its code (None without a close frame)."""
        return self.rest()[1]

    def rest(self) -> tuple[list[Event], int | None]:
        """Receive until the server closes; return the events and the code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        events: list[Event] = []
        try:
            while True:
                events.append(self.next(remaining(deadline)))
        except ConnectionClosed as closed:
            return events, closed.rcvd.code if closed.rcvd else None

    def leave(self) -> None:
        self._open.close()


def is_type(kind: str) -> Callable[[Event], bool]:
    """Return a condition: an event of this type."""
    return lambda event: event["type"] == kind


def is_message(text: str) -> Callable[[Event], bool]:
    return lambda event: event["type"] == "message" and event["message"] == text


def is_notice(text: str) -> Callable[[Event], bool]:
    return lambda event: event["type"] == "system" and event["message"] == text


def has_left(name: str) -> Callable[[Event], bool]:
    return is_notice(f"{name} has left the chat")


def has_joined(name: str) -> Callable[[Event], bool]:
    return is_notice(f"{name} has joined the chat")

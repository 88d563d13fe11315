"""The independent client of version 2: says hello, asks with a ref, and waits for the answer."""

import itertools
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from tests.support.client import Chatter, Event, is_message, is_type
from tests.support.waiting import PATIENCE_SECONDS

Rooms = Mapping[str, Mapping[str, object]]

NUMBER = itertools.count(1)
"""Refs and texts of tests are numbered, so that none is ever there twice."""

NO_LIMITS = ("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0")
"""The settings of most servers that version 2 is tried on."""

"""What each logged event has; all but a ``system`` one have a ``username`` too."""


class Speaker(Chatter):
    """A version 2 client.

    Args:
        url: The WebSocket URL of the chat.
        name: The user.
        rooms: Where to: names, or what is known of each; none is the default room.
        device: The client's secret; without one the server makes it.
        options: As of `Chatter`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *rooms: str | Rooms,
        device: str | None = None,
        **options: Any,  # noqa: ANN401 - as `Chatter`
    ) -> None:
        wanted: dict[str, Mapping[str, object]] = {}
        for room in rooms:
            wanted.update({room: {}} if isinstance(room, str) else room)
        hello: dict[str, object] = {"type": "hello", "v": 2, "username": name, "rooms": wanted}
        if device is not None:
            hello["device"] = device
        super().__init__(url, json.dumps(hello), **options)
        self.name = name
        self._rooms = len(wanted) or 1
        self._put_back: deque[Event] = deque()

    def next(self, timeout: float = PATIENCE_SECONDS) -> Event:
        """Receive one frame, or take one that `ask` has put back."""
        return self._put_back.popleft() if self._put_back else super().next(timeout)

    def arrive(self) -> list[Event]:
        """Receive the welcome and a ``joined`` for each room, and give these."""
        assert self.next()["type"] == "welcome"
        return [self.first(is_type("joined")) for _ in range(self._rooms)]

    def ask(self, kind: str, **fields: object) -> Event:
        """Ask for something with a ref, and give the answer; what came before it comes later."""
        ref = fields.setdefault("ref", f"ref-{next(NUMBER)}")
        self.send(type=kind, **fields)
        return self.answer(ref)

    def answer(self, ref: object) -> Event:
        """Receive the answer to this ref; what came before it comes later."""
        *before, found = self.up_to(lambda event: event.get("ref") == ref)
        self._put_back.extendleft(reversed(before))
        return found

    def fence(self, text: str = "general") -> list[Event]:
        """Say something in a room and give all that comes before it.

        Args:
            text: The room; what is said is unlike all before.
        """
        said = f"fence {next(NUMBER)}"
        self.send(type="message", room=text, message=said)
        return self.up_to(is_message(said))[:-1]

    def drop(self) -> None:
        """End without a close frame, as a lost line does."""
        self.socket.socket.close()


def seqs(events: list[Event], room: str | None = None) -> list[int]:
    """Give the numbers of the logged events, of one room or of all, in the order they came."""
    return [
        e["seq"] for e in events if "id" in e and e["type"] != "ack" and room in (None, e["room"])
    ]

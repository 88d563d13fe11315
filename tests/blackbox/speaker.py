"""The independent client of version 2, which sends commands with a ref and awaits the answers."""

import itertools
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from tests.support.client import Chatter, Event, is_message, is_type
from tests.support.waiting import PATIENCE_SECONDS

Rooms = Mapping[str, Mapping[str, object]]

NUMBER = itertools.count(1)
"""Numbers for refs and texts, so that none repeats."""

NO_LIMITS = ("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0")
"""The settings of most servers in tests of version 2."""


class Speaker(Chatter):
    """A version 2 client.

    Args:
        url: The WebSocket URL of the chat.
        name: The user.
        rooms: The names of the rooms, or their positions; the default room without any.
        device: The secret of the client; by default the server chooses it.
        options: As in `Chatter`.
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
        """Return the next message, or one that `ask` has put back."""
        return self._put_back.popleft() if self._put_back else super().next(timeout)

    def arrive(self) -> list[Event]:
        """Receive the welcome, and return the ``joined`` of each room."""
        assert self.next()["type"] == "welcome"
        return [self.first(is_type("joined")) for _ in range(self._rooms)]

    def ask(self, kind: str, **fields: object) -> Event:
        """Send a command with a ref, and return its answer; put back the messages before it."""
        ref = fields.setdefault("ref", f"ref-{next(NUMBER)}")
        self.send(type=kind, **fields)
        return self.answer(ref)

    def answer(self, ref: object) -> Event:
        """Return the answer to this ref; put back the messages before it."""
        *before, found = self.up_to(lambda event: event.get("ref") == ref)
        self._put_back.extendleft(reversed(before))
        return found

    def fence(self, text: str = "general") -> list[Event]:
        """Send a unique message to a room, and return all messages before it.

        Args:
            text: The room.
        """
        marker = f"fence {next(NUMBER)}"
        self.send(type="message", room=text, message=marker)
        return self.up_to(is_message(marker))[:-1]

    def drop(self) -> None:
        """End without a close frame."""
        self.socket.socket.close()


def seqs(events: list[Event], room: str | None = None) -> list[int]:
    """Return the seqs of the stored events, of one room or of all, in order of arrival."""
    return [
        e["seq"] for e in events if "id" in e and e["type"] != "ack" and room in (None, e["room"])
    ]

"""The read markers of a room that its members have not received yet. No trio."""

from collections.abc import Mapping, Sequence
from typing import Final

from trio_chat.hub.throttle import Throttle
from trio_chat.protocol.messages import HasRead

READ_SECONDS: Final = 1.0
"""The hub sends a ``read`` of a user at most once in this time (docs/reference/wire.md)."""


class Receipts:
    """The read markers to send, and when.

    Members receive only the newest marker of a user, at most `READ_SECONDS` late. The markers they
    receive of a user never decrease, whatever the order in which other nodes report them.
    """

    def __init__(self) -> None:
        self._sent: dict[str, int] = {}
        """The highest marker sent of each user in the room."""
        self._left: set[str] = set()
        """Users who left the room while one of their markers waited or was just sent."""
        self._waiting: dict[str, HasRead] = {}
        self._throttle = Throttle[str](READ_SECONDS)

    @property
    def is_quiet(self) -> bool:
        """Whether time changes nothing here."""
        return not self._waiting and not self._throttle and not self._left

    def grow(self, read: HasRead) -> None:
        """Send this marker of a user soon, unless it is not higher than the last."""
        key = read.user
        known = self._waiting[key].seq if key in self._waiting else self._sent.get(key, 0)
        if read.seq > known:
            self._waiting[key] = read
            self._left.discard(key)

    def leave(self, key: str) -> None:
        """Forget a user who has left the room, once all of the user's markers are sent."""
        if key in self._sent or key in self._waiting:
            self._left.add(key)

    def known(self) -> Mapping[str, int]:
        """Return the highest marker of each user that members have received or will receive."""
        return self._sent | {key: read.seq for key, read in self._waiting.items()}

    def forget(self) -> None:
        """Send no waiting marker: the room has become large."""
        self._waiting.clear()

    def due(self, now: float) -> Sequence[HasRead]:
        """Return the markers to send now."""
        self._throttle.expire(now)
        keys = [key for key in self._waiting if self._throttle.is_due(key, now)]
        for key in [key for key in self._left if key not in self._waiting]:
            if self._throttle.is_due(key, now):
                self._left.discard(key)
                self._sent.pop(key, None)
        for key in keys:
            self._throttle.note(key, now)
            self._sent[key] = self._waiting[key].seq
        return [self._waiting.pop(key) for key in keys]

"""What a room sends without storing it: typing and read markers. No trio; time is in seconds."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from trio_chat.protocol.messages import HasRead

TYPING_SECONDS: Final = 6.0
"""Typing ends after this time unless renewed (docs/reference/wire.md, "What a client sends")."""

READ_SECONDS: Final = 1.0
"""The hub sends a ``read`` of a user at most once in this time (docs/reference/wire.md)."""

K = TypeVar("K", bound=Hashable)


class Throttle(Generic[K]):
    """Remembers which keys were sent less than ``seconds`` ago."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._sent_at: dict[K, float] = {}
        """Oldest first."""

    def __len__(self) -> int:
        return len(self._sent_at)

    def is_due(self, key: K, now: float) -> bool:
        """Return whether something may be sent about a key."""
        self.expire(now)
        return key not in self._sent_at

    def note(self, key: K, now: float) -> None:
        """Note that something was sent about a key."""
        self._sent_at.pop(key, None)
        self._sent_at[key] = now

    def expire(self, now: float) -> None:
        """Forget the keys that are due again."""
        while self._sent_at:
            oldest = next(iter(self._sent_at))
            if now < self._sent_at[oldest] + self._seconds:
                return
            del self._sent_at[oldest]


class Typing:
    """The users who type in a room, and which of them the members know of.

    In a large room changes are sent late. A change that is undone before that is never sent.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._shown: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        self.is_quiet = True
        """Whether nobody types, as far as this room and its members know."""

    def begin(self, key: str, shown: str, now: float) -> None:
        """Start or renew the typing of a user, under the displayed name."""
        self.is_quiet = False
        self._until[key] = now + TYPING_SECONDS
        self._shown[key] = shown

    def end(self, key: str) -> bool:
        """End the typing of a user; return whether the user typed."""
        self._shown.pop(key, None)
        has_typed = self._until.pop(key, None) is not None
        self._note_quiet()
        return has_typed

    def expire(self, now: float) -> None:
        """End typing that was not renewed in time."""
        for key in [key for key, until in self._until.items() if until <= now]:
            self.end(key)

    def take_changes(self, *, only_one: bool) -> Sequence[tuple[str, bool]]:
        """Return the changes to send: displayed names, and whether each user types now."""
        if self._until.keys() == self._sent.keys():
            return ()
        ended = [key for key in self._sent if key not in self._until]
        begun = [key for key in self._until if key not in self._sent]
        if only_one:
            ended, begun = ended[:1], begun[: 0 if ended else 1]
        changes = [(self._sent.pop(key), False) for key in ended]
        for key in begun:
            self._sent[key] = self._shown[key]
            changes.append((self._shown[key], True))
        self._note_quiet()
        return changes

    def _note_quiet(self) -> None:
        self.is_quiet = not self._until and not self._sent


class Receipts:
    """The read markers of a room that its members have not received yet.

    Members receive only the newest marker of a user, at most `READ_SECONDS` late. The markers they
    receive of a user never decrease, in whatever order other nodes report them.
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

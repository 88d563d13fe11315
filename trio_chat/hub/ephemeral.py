"""What a room sends without storing it: typing and read markers. No trio; time is in seconds."""

from collections.abc import Mapping, Sequence
from typing import Final

from trio_chat.protocol.messages import HasRead

# docs/reference/wire.md, "What a client sends"
TYPING_SECONDS: Final = 6.0  # then typing ends unless renewed
READ_SECONDS: Final = 1.0  # the hub sends a ``read`` of a user at most once in this time

# When a message arrives, many users read it. Markers that follow another so soon wait for the next
# tick of the hub, so that a member receives them together.
GATHER_SECONDS: Final = 0.25

_NEVER: Final = 0, float("-inf")


class Typing:
    """The users who type in a room, and which of them the members know of.

    In a large room changes are sent late. A change that is undone before that is never sent.
    """

    def __init__(self) -> None:
        self._typists: dict[str, tuple[str, float]] = {}  # displayed name, and until when
        self._sent: dict[str, str] = {}  # by key, the displayed names that members know of
        self.is_quiet = True
        """Whether nobody types, as far as this room and its members know."""

    def begin(self, key: str, shown: str, now: float) -> None:
        """Start or renew the typing of a user, under the displayed name."""
        self.is_quiet = False
        self._typists[key] = shown, now + TYPING_SECONDS

    def end(self, key: str) -> bool:
        """End the typing of a user; return whether the user typed."""
        has_typed = self._typists.pop(key, None) is not None
        self.is_quiet = not self._typists and not self._sent
        return has_typed

    def expire(self, now: float) -> None:
        """End typing that was not renewed in time."""
        for key in [key for key, (_, until) in self._typists.items() if until <= now]:
            self.end(key)

    def take_changes(self, *, only_one: bool) -> Sequence[tuple[str, bool]]:
        """Return the changes to send: displayed names, and whether each user types now."""
        if self._typists.keys() == self._sent.keys():
            return ()
        ended = [key for key in self._sent if key not in self._typists]
        begun = [key for key in self._typists if key not in self._sent]
        if only_one:
            ended, begun = ended[:1], begun[: 0 if ended else 1]
        changes = [(self._sent.pop(key), False) for key in ended]
        for key in begun:
            shown, _ = self._typists[key]
            self._sent[key] = shown
            changes.append((shown, True))
        self.is_quiet = not self._typists and not self._sent
        return changes


class Receipts:
    """The read markers of a room that its members have not received yet.

    Members receive only the newest marker of a user, at most `READ_SECONDS` late. The markers they
    receive of a user never decrease, in whatever order other nodes report them.
    """

    def __init__(self) -> None:
        self._sent: dict[str, tuple[int, float]] = {}  # by user, the highest marker sent, and when
        self._waiting: dict[str, HasRead] = {}
        self._left: set[str] = set()
        """Users who left the room while one of their markers waited or was just sent."""
        self._sent_at = float("-inf")

    @property
    def is_quiet(self) -> bool:
        """Whether time changes nothing here."""
        return not self._waiting and not self._left

    def grow(self, read: HasRead) -> None:
        """Send this marker of a user soon, unless it is not higher than the last."""
        key = read.user
        known = self._waiting[key].seq if key in self._waiting else self._sent.get(key, _NEVER)[0]
        if read.seq > known:
            self._waiting[key] = read
            self._left.discard(key)

    def leave(self, key: str) -> None:
        """Forget a user who has left the room, once all of the user's markers are sent."""
        if key in self._sent or key in self._waiting:
            self._left.add(key)

    def known(self) -> Mapping[str, int]:
        """Return the highest marker of each user that members have received or will receive."""
        sent = {key: seq for key, (seq, _) in self._sent.items()}
        return sent | {key: read.seq for key, read in self._waiting.items()}

    def forget(self) -> None:
        """Send no waiting marker: the room has become large."""
        self._waiting.clear()

    def due(self, now: float, *, is_tick: bool) -> Sequence[HasRead]:
        """Return the markers to send now, on a tick or between two."""
        if not is_tick and self._sent_at < now < self._sent_at + GATHER_SECONDS:
            return ()
        due = {
            key
            for key in self._waiting.keys() | self._left
            if now >= self._sent.get(key, _NEVER)[1] + READ_SECONDS
        }
        for key in due & self._left - self._waiting.keys():
            self._left.discard(key)
            self._sent.pop(key, None)
        reads = [read for key, read in self._waiting.items() if key in due]
        for read in reads:
            self._sent[read.user] = read.seq, now
            self._sent_at = now
            del self._waiting[read.user]
        return reads

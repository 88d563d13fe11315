"""Who is typing in a room, and what of it has been told. No trio; time comes in, in seconds."""

from collections.abc import Sequence
from typing import Final

TYPING_SECONDS: Final = 6.0
"""How long a user types without a repeat (docs/reference/wire.md, "What a client sends")."""

CROWD_SECONDS: Final = 1.0
"""In a crowd at most one change is sent in this time (docs/reference/wire.md, promise 8)."""


class Typing:
    """The typing state of one room.

    What is true and what has been told are kept apart: in a crowd changes are told late, and a
    change that is undone before it was told is never told.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._shown: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._last_told = float("-inf")
        self.is_quiet = True
        """Whether nobody types, and nobody is believed to. Each message asks."""

    def begin(self, key: str, shown: str, now: float) -> None:
        """The user types; saying it again renews it."""
        self.is_quiet = False
        self._until[key] = now + TYPING_SECONDS
        self._shown[key] = shown

    def end(self, key: str) -> bool:
        """The user has stopped, has sent a message, or has left; False if the user did not type."""
        self._shown.pop(key, None)
        has_typed = self._until.pop(key, None) is not None
        self._note_quiet()
        return has_typed

    def expire(self, now: float) -> None:
        """End what nobody has renewed."""
        for key in [key for key, until in self._until.items() if until <= now]:
            self.end(key)

    def changes(self, now: float, *, crowd: bool) -> Sequence[tuple[str, bool]]:
        """What is to be told now: pairs of a user's name as shown and whether the user types."""
        if self._until.keys() == self._told.keys():
            return ()
        if crowd and now < self._last_told + CROWD_SECONDS:
            return ()
        ended = [key for key in self._told if key not in self._until]
        begun = [key for key in self._until if key not in self._told]
        if crowd:
            ended, begun = ended[:1], begun[: 0 if ended else 1]
        self._last_told = now
        changes = [(self._told.pop(key), False) for key in ended]
        for key in begun:
            self._told[key] = self._shown[key]
            changes.append((self._shown[key], True))
        self._note_quiet()
        return changes

    def _note_quiet(self) -> None:
        self.is_quiet = not self._until and not self._told

"""The users who type in a room, and which of them the members know of. No trio."""

from collections.abc import Sequence
from typing import Final

TYPING_SECONDS: Final = 6.0
"""Typing ends after this time unless renewed (docs/reference/wire.md, "What a client sends")."""


class Typing:
    """The typing state of one room.

    It keeps the current state and the state that was sent apart. In a large room changes are sent
    late, and a change that is undone before that is never sent.
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

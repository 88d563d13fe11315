"""Up to where users have read, as far as the room has not been told. No trio; time comes in."""

from collections.abc import Sequence
from typing import Final

READ_SECONDS: Final = 1.0
"""A user's ``read`` is told at most once in this time (PROTOCOL.md section 4)."""


class Receipts:
    """What of a room's marks is to be told, and when.

    Only the highest of a user's is told, and a mark waits no longer than that user's second.
    """

    def __init__(self) -> None:
        self._untold: dict[str, tuple[str, int]] = {}
        self._told_at: dict[str, float] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell, and nobody who has just been told of."""
        return not self._untold and not self._told_at

    def grow(self, key: str, shown: str, seq: int) -> None:
        """A user's mark is higher now than it was; nodes may be heard in another order."""
        if key not in self._untold or seq > self._untold[key][1]:
            self._untold[key] = (shown, seq)

    def forget(self) -> None:
        """Nobody is to be told of it: the room is a crowd."""
        self._untold.clear()

    def due(self, now: float) -> Sequence[tuple[str, int]]:
        """What is to be told now: pairs of a user's name as shown and a ``seq``."""
        for key in [key for key, told in self._told_at.items() if now >= told + READ_SECONDS]:
            del self._told_at[key]
        keys = [key for key in self._untold if key not in self._told_at]
        self._told_at.update(dict.fromkeys(keys, now))
        return [self._untold.pop(key) for key in keys]

"""Up to where users have read, as far as the room has not been told. No trio; time comes in."""

from collections.abc import Mapping, Sequence
from typing import Final

READ_SECONDS: Final = 1.0
"""A user's ``read`` is sent at most once in this time (docs/reference/wire.md)."""


class Receipts:
    """What of a room's marks is to be told, and when.

    Only the highest of a user's is told, and a mark waits no longer than that user's second. What
    is told of a user never decreases, in whichever order nodes are heard.
    """

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        """The highest mark that was sent, of each user in the room."""
        self._left: set[str] = set()
        """Users who have left the room, while one of their receipts waits or was just sent."""
        self._untold: dict[str, tuple[str, int]] = {}
        self._told_at: dict[str, float] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell, and nobody who has just been told of."""
        return not self._untold and not self._told_at and not self._left

    def grow(self, key: str, shown: str, seq: int) -> None:
        """Send this mark of a user soon, unless as high a one was sent or waits."""
        known = self._untold[key][1] if key in self._untold else self._told.get(key, 0)
        if seq > known:
            self._untold[key] = (shown, seq)
            self._left.discard(key)

    def leave(self, key: str) -> None:
        """Forget a user who has left the room, once all of their receipts are sent."""
        if key in self._told or key in self._untold:
            self._left.add(key)

    def known(self) -> Mapping[str, int]:
        """Return the highest mark of each user that this node has sent, or will."""
        return self._told | {key: seq for key, (_, seq) in self._untold.items()}

    def forget(self) -> None:
        """Nobody is to be told of it: the room is a crowd."""
        self._untold.clear()

    def due(self, now: float) -> Sequence[tuple[str, int]]:
        """What is to be told now: pairs of a user's name as shown and a ``seq``."""
        for key in [key for key, told in self._told_at.items() if now >= told + READ_SECONDS]:
            del self._told_at[key]
        for key in [key for key in self._left if key not in self._untold]:
            if key not in self._told_at:
                self._left.discard(key)
                self._told.pop(key, None)
        keys = [key for key in self._untold if key not in self._told_at]
        self._told_at.update(dict.fromkeys(keys, now))
        self._told.update((key, self._untold[key][1]) for key in keys)
        return [self._untold.pop(key) for key in keys]

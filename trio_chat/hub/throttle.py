"""Limits how often something is sent about each of many things. No trio; time is an argument."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Throttle(Generic[K]):
    """Remembers what was sent within the last seconds.

    Args:
        seconds: Something is due again this long after it was sent.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._sent_at: dict[K, float] = {}
        """Oldest first."""

    def __len__(self) -> int:
        return len(self._sent_at)

    def is_due(self, key: K, now: float) -> bool:
        """Return whether something may be sent now, in seconds."""
        self.expire(now)
        return key not in self._sent_at

    def note(self, key: K, now: float) -> None:
        """Note that something was sent now."""
        self._sent_at.pop(key, None)
        self._sent_at[key] = now

    def expire(self, now: float) -> None:
        """Forget what is due again."""
        while self._sent_at:
            oldest = next(iter(self._sent_at))
            if now < self._sent_at[oldest] + self._seconds:
                return
            del self._sent_at[oldest]

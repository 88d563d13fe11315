"""Notices a proxy that ends idle connections before the server's next ping.

Such a proxy cuts each quiet client after the same time, and each comes back, for ever. Nothing
fails, so only the ages of the connections show it.
"""

from collections import deque
from typing import Final

CUTS: Final = 10
"""This many cuts at the same age in a row are no coincidence."""

_TOLERANCE: Final = 0.05
_TOLERANCE_SECONDS: Final = 0.5
"""Ages within this, or within 5 %, are the same: a proxy's timer is exact, the way there is not."""

_APART_SECONDS: Final = 1.0
"""Cuts closer together count as one: they may be one event, like a proxy that restarts."""


class CutDetector:
    """Looks at connections that ended without a close frame.

    Args:
        ping_interval_seconds: No connection is silent for longer, so a cut after more than two of
            these has another cause.
    """

    def __init__(self, ping_interval_seconds: float) -> None:
        self._longest = 2 * ping_interval_seconds
        self._ages: deque[float] = deque(maxlen=CUTS)
        self._last_at = float("-inf")
        self._has_told = False

    def cut(self, age: float, now: float) -> float | None:
        """Take note of a connection that was cut.

        Args:
            age: How long it was open, in seconds.
            now: A monotonic time, in seconds.

        Returns:
            The common age, the first time that `CUTS` in a row have one; else None.
        """
        if self._has_told or now - self._last_at < _APART_SECONDS:
            return None
        self._last_at = now
        self._ages.append(age)
        least, most = min(self._ages), max(self._ages)
        is_same = most - least <= max(_TOLERANCE_SECONDS, _TOLERANCE * most)
        # A page that is closed at once, or a probe, is cut at no age at all.
        is_meant = least >= _APART_SECONDS and most <= self._longest
        self._has_told = len(self._ages) == CUTS and is_same and is_meant
        return least if self._has_told else None

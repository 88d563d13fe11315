"""Detects a proxy that ends idle connections before the server's next ping."""

from collections import deque
from typing import Final

CUTS: Final = 10
"""Cuts at the same age in a row that cannot be a coincidence."""

_TOLERANCE: Final = 0.05
_TOLERANCE_SECONDS: Final = 0.5
"""Ages within this, or within 5 %, count as the same: the network adds delays."""

_APART_SECONDS: Final = 1.0
"""Cuts closer together count as one: they may have one cause, such as a restart of the proxy."""


class CutDetector:
    """Finds the age at which a proxy cuts connections.

    Such a proxy cuts each idle client at the same age, and each client reconnects, forever. No call
    fails, so only the ages of the connections reveal it.

    Args:
        ping_interval_seconds: Connections older than two of these have another cause.
    """

    def __init__(self, ping_interval_seconds: float) -> None:
        self._longest = 2 * ping_interval_seconds
        self._ages: deque[float] = deque(maxlen=CUTS)
        self._last_at = float("-inf")
        self._has_reported = False

    def cut(self, age: float, now: float) -> float | None:
        """Note a connection that ended without a close frame at this age, in seconds.

        Returns:
            The common age, the first time that `CUTS` in a row have one; else None.
        """
        if self._has_reported or now - self._last_at < _APART_SECONDS:
            return None
        self._last_at = now
        self._ages.append(age)
        least, most = min(self._ages), max(self._ages)
        is_same = most - least <= max(_TOLERANCE_SECONDS, _TOLERANCE * most)
        # Probes, and pages that close at once, have no meaningful age.
        is_idle = least >= _APART_SECONDS and most <= self._longest
        self._has_reported = len(self._ages) == CUTS and is_same and is_idle
        return least if self._has_reported else None

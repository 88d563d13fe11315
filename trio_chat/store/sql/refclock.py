"""Counts the running time of servers, by which the refs in SQLite expire.

Jumps of the wall clock do not affect it. Each server continues from the time that the last one
saved. Time without a server does not count, because a clock set forward looks the same. So a ref
may live longer than promised, never shorter.

PostgreSQL uses its own clock.
"""

import time
from collections.abc import Callable


class RefClock:
    """The clock of an SQLite store. Threads may share it.

    Args:
        seconds: A monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._began = seconds()
        self._base_ms = 0

    def resume_from(self, ms: int) -> None:
        """Set the time, and continue from it."""
        self._began, self._base_ms = self._seconds(), ms

    def now_ms(self) -> int:
        """Return the milliseconds that servers of this store have run, or a little more."""
        return self._base_ms + int((self._seconds() - self._began) * 1000)

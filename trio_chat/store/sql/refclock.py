"""The clock by which the refs of SQLite expire: milliseconds that no clock on a wall can make jump.

It counts the time during which servers of a store run, from where the last server stopped counting:
after a start nobody can tell a clock that was set forward from a server that was off, so that time
does not count. A ref may be remembered longer than promised, never shorter.

PostgreSQL goes by its own clock.
"""

import time
from collections.abc import Callable


class RefClock:
    """The clock of an SQLite log. Threads may share it.

    Args:
        seconds: Gives the seconds since any moment; it never jumps.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._began = seconds()
        self._base_ms = 0

    def go_on_from(self, ms: int) -> None:
        """Show this now, and count on from there."""
        self._began, self._base_ms = self._seconds(), ms

    def now_ms(self) -> int:
        """Milliseconds that servers of this store have run, or a little more."""
        return self._base_ms + int((self._seconds() - self._began) * 1000)

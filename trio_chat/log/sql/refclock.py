"""The clock by which refs expire: milliseconds that no clock on a wall can make jump.

PostgreSQL goes by its own clock. An SQLite log counts the time during which its server runs, from
where the last server stopped counting: after a start nobody can tell a clock that was set forward
from a server that was off, so that time does not count. A ref may be remembered longer than
promised, never shorter.
"""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class ref_now_ms(GenericFunction[int]):  # noqa: N801 - named like a function of SQL
    """The time of the clock, in SQL."""

    type = BigInteger()
    inherit_cache = True


@compiles(ref_now_ms, "postgresql")
def _of_the_database(_: ref_now_ms, _compiler: SQLCompiler, **_kw: Any) -> str:  # noqa: ANN401
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


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
        """Milliseconds that servers of this log have run, or a little more."""
        return self._base_ms + int((self._seconds() - self._began) * 1000)

    def attach(self, connection: Any) -> None:  # noqa: ANN401 - the driver's
        """Let statements on this connection of SQLite use `ref_now_ms`."""
        connection.create_function(ref_now_ms.__name__, 0, self.now_ms)

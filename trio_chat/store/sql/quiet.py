"""Prunes rooms that hold only notices, in bounded parts.

Such a room keeps its newest event, so its numbers and its epoch continue. A client that resumes
from a deleted event receives the newest events, as with a store in memory.

On SQLite the texts stay: that table never deletes a row (docs/adr/0021).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from trio_chat.store.sql.statements import OLDEST, Quiet

_R = TypeVar("_R")

QUIET_MS: Final = 24 * 3600 * 1000
"""Minimum age of the newest event: longer than most absences."""

# The rows of a transaction of some milliseconds, so that appends fit in between.
_EVENTS_AT_ONCE: Final = 1000

# Each of them takes a few look-ups by key.
_ROOMS_AT_ONCE: Final = 500


class Do(Protocol):
    """Calls a function with a connection, in a thread; a write in a transaction."""

    async def __call__(self, do: Callable[[Connection], _R], /) -> _R:
        """Return the result of ``do``.

        Raises:
            Outage: The database is unreachable.
        """


class QuietRooms:
    """The quiet rooms of one database.

    Args:
        statements: The statements of the database.
        read: Runs functions that read.
        write: Runs functions that write.

    Attributes:
        open: The rooms in use here; pruning skips them.
    """

    def __init__(self, statements: Quiet, read: Do, write: Do) -> None:
        self._statements = statements
        self.open: set[str] = set()
        self._read = read
        self._write = write

    async def prune(self, now_ms: int) -> None:
        """Delete all but the newest event of each quiet room. A cancellation leaves the rest."""
        expired = now_ms - QUIET_MS
        above: str | None = ""
        while above is not None:
            above, found = await self._read(partial(look, self._statements, above, expired))
            for room in found:
                delete = partial(forget, self._statements, room, expired)
                while room not in self.open and await self._write(delete):
                    pass


def look(
    statements: Quiet, above: str, expired: int, connection: Connection
) -> tuple[str | None, Sequence[str]]:
    """Look for quiet rooms among the next rooms by name.

    Args:
        statements: The statements of the database.
        above: The name after which to begin.
        expired: The latest time of the newest event of a quiet room, in milliseconds since 1970.
        connection: The connection.

    Returns:
        The name after which to continue, None at the end; and the rooms with events to delete.
    """
    wanted = {"above": above, "most": _ROOMS_AT_ONCE}
    found = connection.execute(statements.rooms, wanted).scalars()
    # On SQLite, a damaged name that is no text sorts last.
    names = [name for name in found if type(name) is str]
    quiet = connection.execute(statements.quiet, {"names": names, "expired": expired}).scalars()
    return (names[-1] if len(names) == _ROOMS_AT_ONCE else None), [*quiet]


def forget(statements: Quiet, room: str, expired: int, connection: Connection) -> bool:
    """Delete the oldest notices of a room that is still quiet; returns whether more remain."""
    head = connection.execute(statements.head, {"in_room": room}).scalar_one()
    wanted = {"names": [room], "expired": expired}
    if connection.execute(statements.quiet, wanted).first() is None:
        return False
    oldest = {"in_room": room, "newest": head, "most": _EVENTS_AT_ONCE}
    seqs = connection.execute(OLDEST, oldest).scalars().all()
    for statement in statements.forget:
        connection.execute(statement, {"in_room": room, "last": seqs[-1]})
    return len(seqs) == _EVENTS_AT_ONCE

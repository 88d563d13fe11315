"""Prunes rooms that hold nothing but notices, a bounded part at a time.

A room that people only ever joined and left keeps its newest event, so its ``seq`` goes on and its
epoch stays. Its beginning is then missing, as in a store in memory that has forgotten
events: a client that resumes from before that gets the newest events.

On SQLite the texts stay: no row of that table is ever taken out (docs/adr/0021).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from trio_chat.store.sql.statements import OLDEST, Quiet

_R = TypeVar("_R")

QUIET_MS: Final = 24 * 3600 * 1000
"""How old the newest event of such a room is: longer than people take to come back."""

# A transaction of some milliseconds, so that appends come in between.
_EVENTS_AT_ONCE: Final = 1000

# In each some events are looked up by key.
_ROOMS_AT_ONCE: Final = 500


class Do(Protocol):
    """Does something with a connection, in a thread; within a transaction, if that writes."""

    async def __call__(self, do: Callable[[Connection], _R], /) -> _R:
        """Return what ``do`` returns.

        Raises:
            Outage: The database is out of reach.
        """


class QuietRooms:
    """The quiet rooms of one database.

    Args:
        statements: What it asks the database.
        read: Does what reads.
        write: Does what writes.

    Attributes:
        open: The rooms that are in use here, which keep everything.
    """

    def __init__(self, statements: Quiet, read: Do, write: Do) -> None:
        self._statements = statements
        self.open: set[str] = set()
        self._read = read
        self._write = write

    async def prune(self, now_ms: int) -> None:
        """Delete all but their newest events. May be cancelled at any time."""
        expired = now_ms - QUIET_MS
        above: str | None = ""
        while above is not None:
            above, found = await self._read(partial(look, self._statements, above, expired))
            for room in found:
                go_on = partial(forget, self._statements, room, expired)
                while room not in self.open and await self._write(go_on):
                    pass


def look(
    statements: Quiet, above: str, expired: int, connection: Connection
) -> tuple[str | None, Sequence[str]]:
    """Look at the next rooms by name.

    Args:
        statements: What to ask the database.
        above: Behind which name to begin.
        expired: The newest event of a quiet room is as old as this, in milliseconds since 1970 UTC.
        connection: To the database.

    Returns:
        The name behind which to go on, None at the end; and the rooms that have something to let
        go.
    """
    wanted = {"above": above, "most": _ROOMS_AT_ONCE}
    found = connection.execute(statements.rooms, wanted).scalars()
    # On SQLite, a damaged name that is no text comes behind all others.
    names = [name for name in found if type(name) is str]
    quiet = connection.execute(statements.quiet, {"names": names, "expired": expired}).scalars()
    return (names[-1] if len(names) == _ROOMS_AT_ONCE else None), [*quiet]


def forget(statements: Quiet, room: str, expired: int, connection: Connection) -> bool:
    """Delete the oldest notices of a room, if it is still quiet; returns whether there is more."""
    head = connection.execute(statements.head, {"in_room": room}).scalar_one()
    wanted = {"names": [room], "expired": expired}
    if connection.execute(statements.quiet, wanted).first() is None:
        return False
    oldest = {"in_room": room, "newest": head, "most": _EVENTS_AT_ONCE}
    seqs = connection.execute(OLDEST, oldest).scalars().all()
    for statement in statements.forget:
        connection.execute(statement, {"in_room": room, "last": seqs[-1]})
    return len(seqs) == _EVENTS_AT_ONCE

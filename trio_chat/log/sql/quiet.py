"""Prunes rooms that hold nothing but notices, a bounded part at a time.

A room that people only ever joined and left keeps its newest event, so its ``seq`` goes on and its
epoch stays. Its beginning is then missing, as in a store in memory that has forgotten
events: a client that resumes from before that gets the newest events.

On SQLite the texts stay: no row of that table is ever taken out (docs/adr/0021).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, Delete, Select, bindparam, delete, exists, select

from trio_chat.log.sql.schema import events, rooms, texts
from trio_chat.protocol.events import NOTICES

_R = TypeVar("_R")

QUIET_MS: Final = 24 * 3600 * 1000
"""How old the newest event of such a room is: longer than people take to come back."""

# A transaction of some milliseconds, so that appends come in between.
_EVENTS_AT_ONCE: Final = 1000

# In each some events are looked up by key.
_ROOMS_AT_ONCE: Final = 500

_newest = events.alias("newest")
_older = events.alias("older")
_said = events.alias("said")

ROOMS: Final = (
    select(rooms.c.room)
    .where(rooms.c.room > bindparam("above"))
    .order_by(rooms.c.room)
    .limit(bindparam("most"))
)
QUIET: Final[Select[tuple[str]]] = (
    select(rooms.c.room)
    .join(_newest, (_newest.c.room == rooms.c.room) & (_newest.c.seq == rooms.c.head))
    .where(
        rooms.c.room.in_(bindparam("names", expanding=True)),
        _newest.c.ts <= bindparam("expired"),
        exists().where(_older.c.room == rooms.c.room, _older.c.seq < rooms.c.head),
        ~exists().where(_said.c.room == rooms.c.room, _said.c.kind.not_in(sorted(NOTICES))),
    )
)
LOCK_ROOM: Final = (
    select(rooms.c.head).where(rooms.c.room == bindparam("in_room")).with_for_update()
)
OLDEST: Final = (
    select(events.c.seq)
    .where(events.c.room == bindparam("in_room"), events.c.seq < bindparam("newest"))
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)
FORGET_EVENTS: Final[Delete] = delete(events).where(
    events.c.room == bindparam("in_room"), events.c.seq <= bindparam("last")
)
FORGET_TEXTS: Final[Delete] = delete(texts).where(
    texts.c.room == bindparam("in_room"), texts.c.seq <= bindparam("last")
)


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
        read: Does what reads.
        write: Does what writes.

    Attributes:
        open: The rooms that are in use here, which keep everything.
    """

    def __init__(self, read: Do, write: Do) -> None:
        self.open: set[str] = set()
        self._read = read
        self._write = write

    async def prune(self, now_ms: int) -> None:
        """Delete all but their newest events. May be cancelled at any time."""
        expired = now_ms - QUIET_MS
        above: str | None = ""
        while above is not None:
            above, found = await self._read(partial(_look, above, expired))
            for room in found:
                forget = partial(_forget, room, expired)
                while room not in self.open and await self._write(forget):
                    pass


def _look(above: str, expired: int, connection: Connection) -> tuple[str | None, Sequence[str]]:
    """Look at the next rooms by name.

    Args:
        above: Behind which name to begin.
        expired: The newest event of a quiet room is as old as this, in milliseconds since 1970 UTC.
        connection: To the database.

    Returns:
        The name behind which to go on, None at the end; and the rooms that have something to let
        go.
    """
    wanted = {"above": above, "most": _ROOMS_AT_ONCE}
    # On SQLite, a damaged name that is no text comes behind all others.
    names = [name for name in connection.execute(ROOMS, wanted).scalars() if type(name) is str]
    found: list[str] = [*connection.execute(QUIET, {"names": names, "expired": expired}).scalars()]
    return (names[-1] if len(names) == _ROOMS_AT_ONCE else None), found


def _forget(room: str, expired: int, connection: Connection) -> bool:
    """Delete the oldest notices of a room, if it is still quiet; returns whether there is more."""
    head = connection.execute(LOCK_ROOM, {"in_room": room}).scalar_one()
    if connection.execute(QUIET, {"names": [room], "expired": expired}).first() is None:
        return False
    wanted = {"in_room": room, "newest": head, "most": _EVENTS_AT_ONCE}
    seqs = connection.execute(OLDEST, wanted).scalars().all()
    those = {"in_room": room, "last": seqs[-1]}
    connection.execute(FORGET_EVENTS, those)
    if connection.dialect.name != "sqlite":
        connection.execute(FORGET_TEXTS, those)
    return len(seqs) == _EVENTS_AT_ONCE

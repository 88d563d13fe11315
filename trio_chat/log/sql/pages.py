"""Reading: each answer is one statement, so it is of one moment."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from trio_chat.errors import DamagedData, Outage
from trio_chat.log.base import Page
from trio_chat.log.sql import statements as sql
from trio_chat.protocol.events import Event, Kind

# To ask an enum takes longer than all the rest of an event.
_KINDS: Final = {kind.value: kind for kind in Kind}
_MESSAGE: Final = Kind.MESSAGE


def before(connection: Connection, room: str, bound: int, limit: int) -> Page:
    """Read as `trio_chat.log.base.Log.read_before` says."""
    wanted = {"in_room": room, "bound": bound, "most": limit + 1}
    rows = connection.execute(sql.PAGE_BEFORE, wanted).all()
    shown = tuple(_event(room, row) for row in reversed(rows[:limit]))
    return Page(shown, more=len(rows) > limit, epoch=_epoch(rows))


def after(connection: Connection, room: str, bound: int, limit: int) -> Page:
    """Read as `trio_chat.log.base.Log.read_after` says."""
    wanted = {"in_room": room, "bound": bound, "most": limit + 1}
    rows = connection.execute(sql.PAGE_AFTER, wanted).all()
    shown = tuple(_event(room, row) for row in rows[:limit])
    return Page(shown, more=len(rows) > limit, epoch=_epoch(rows))


def heads(connection: Connection, rooms: Collection[str]) -> tuple[str, Mapping[str, int]]:
    """The epoch, and the ``seq`` of the newest event of those of these rooms that have one.

    Raises:
        Outage: There is no epoch: the tables are empty.
    """
    found = connection.execute(sql.STANDS, {"names": list(rooms)}).all()
    if not found:
        raise Outage("the database has no epoch")
    epoch: str = found[0].epoch
    return epoch, {row.room: row.head for row in found if row.room is not None}


def marks(connection: Connection, room: str, users: Sequence[str]) -> Mapping[str, int]:
    """Up to where these users have read."""
    found = connection.execute(sql.MARKS, {"in_room": room, "users": list(users)})
    return {row.reader: row.seq for row in found}


def _epoch(rows: Sequence[Row[Any]]) -> str | None:
    return rows[0].epoch if rows else None


def _event(room: str, row: Sequence[Any]) -> Event:
    # At once, and not by name: who comes back is shown hundreds of them.
    seq, id_, kind_name, username, ts, text_seq, target, target_text_seq, text, _ = row
    kind = _KINDS.get(kind_name)
    if kind is None or type(ts) is not int:
        raise DamagedData("an event in the database is damaged")
    is_edited = is_deleted = False
    if kind is _MESSAGE:
        is_deleted = text_seq is None
        is_edited = not is_deleted and text_seq != seq
    elif kind is Kind.EDITED:
        is_deleted = target_text_seq is None
        is_edited = not is_deleted
    return Event(seq, id_, room, kind, username, text or "", ts, target, is_edited, is_deleted)

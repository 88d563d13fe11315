"""Reading: each answer is one statement, so it is of one moment."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Executable, Row

from trio_chat.errors import DamagedData, Outage
from trio_chat.log.base import Page, take_page
from trio_chat.log.sql import statements as sql
from trio_chat.protocol.events import Event, Kind

# To ask an enum takes longer than all the rest of an event.
_KINDS: Final = {kind.value: kind for kind in Kind}
_MESSAGE: Final = Kind.MESSAGE


def before(connection: Connection, room: str, bound: int, limit: int) -> Page:
    """Read as `trio_chat.log.base.Log.read_before` says."""
    events, more, epoch = _read(connection, sql.PAGE_BEFORE, room, bound, limit)
    return Page(tuple(reversed(events)), more, epoch)


def after(connection: Connection, room: str, bound: int, limit: int) -> Page:
    """Read as `trio_chat.log.base.Log.read_after` says."""
    events, more, epoch = _read(connection, sql.PAGE_AFTER, room, bound, limit)
    return Page(tuple(events), more, epoch)


def _read(
    connection: Connection,
    statements: Mapping[str, Executable],
    room: str,
    bound: int,
    limit: int,
) -> tuple[Sequence[Event], bool, str | None]:
    """Fetch rows for as long as the page has room."""
    wanted = {"in_room": room, "bound": bound, "most": limit + 1}
    epoch: str | None = None

    def events(rows: Iterable[Row[Any]]) -> Iterator[Event]:
        nonlocal epoch
        for row in rows:
            epoch = row[-1]
            yield _event(room, row)

    with connection.execute(statements[connection.dialect.name], wanted) as rows:
        taken, more = take_page(events(rows), limit)
    return taken, more, epoch


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

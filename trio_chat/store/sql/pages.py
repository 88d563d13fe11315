"""Reads pages, heads and markers, each in one statement, so each answer is consistent."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, exc

from trio_chat.errors import DamagedData, Outage
from trio_chat.protocol.events import NOTICES, Event, Kind
from trio_chat.store.base import Page, take_page
from trio_chat.store.sql.damage import Report
from trio_chat.store.sql.errors import is_undecodable
from trio_chat.store.sql.rows import (
    MAX_SEQ,
    MAX_TS,
    Undecodable,
    is_seq,
    is_ts,
    placeholder,
    ts_before,
)
from trio_chat.store.sql.sqlite import replacing_undecodable
from trio_chat.store.sql.statements import ALL_MARKS, MARKS, ReadPage, Reads, Rows

# A look-up in the enum takes longer than the rest of an event.
_KINDS: Final = {kind.value: kind for kind in Kind if kind is not Kind.DAMAGED}
_MESSAGE: Final = Kind.MESSAGE

Read = Callable[[Connection, Reads, tuple[str, int, int], Report], Page]
"""Reads a page: `before` or `after`."""

_UNKNOWN_TS: Final = -1
"""The time of a placeholder until its whole page is read."""


def before(
    connection: Connection, reads: Reads, wanted: tuple[str, int, int], report: Report
) -> Page:
    """Read as `trio_chat.store.base.Store.read_before` says; report damaged events.

    Args:
        connection: To the database.
        reads: The statements.
        wanted: The room, the bound, and the maximum number of events.
        report: Receives damaged events.
    """
    events, more, epoch = _read(connection, reads.page_before, wanted, report)
    return Page(tuple(reversed(events)), more, epoch)


def after(
    connection: Connection, reads: Reads, wanted: tuple[str, int, int], report: Report
) -> Page:
    """Read as `trio_chat.store.base.Store.read_after` says; report damaged events."""
    events, more, epoch = _read(connection, reads.page_after, wanted, report)
    return Page(tuple(events), more, epoch)


def _read(
    connection: Connection, read: ReadPage, wanted: tuple[str, int, int], report: Report
) -> tuple[Sequence[Event], bool, str | None]:
    """Read a page; repeat the read if a text is not UTF-8."""
    try:
        return _fetch(connection, read, wanted, report)
    except (exc.DBAPIError, sqlite3.Error) as error:
        if not is_undecodable(error):
            raise
    with replacing_undecodable(connection):
        return _fetch(connection, read, wanted, report)


def _fetch(
    connection: Connection, read: ReadPage, wanted: tuple[str, int, int], report: Report
) -> tuple[Sequence[Event], bool, str | None]:
    """Fetch rows until the page is full.

    Raises:
        DamagedData: An event has no valid ``seq``, so it has no place.
    """
    room, bound, limit = wanted
    epoch: str | None = None

    def events(rows: Rows) -> Iterator[Event]:
        nonlocal epoch
        for row in rows:
            epoch = row[-1]
            event = _event(room, row)
            yield _damaged(room, row, report) if event is None else event

    with closing(read(connection, room, bound, limit + 1)) as rows:
        taken, more = take_page(events(rows), limit)
    if any(event.ts == _UNKNOWN_TS for event in taken):
        _date(connection, sorted(taken, key=attrgetter("seq")))
    return taken, more, epoch


def _date(connection: Connection, events: Sequence[Event]) -> None:
    """Give each event without a time the time of its predecessor."""
    first = events[0]
    ts = 0 if is_ts(first.ts) else ts_before(connection, first.room, first.seq)
    for event in events:
        ts = event.ts = ts if event.ts == _UNKNOWN_TS else event.ts


def heads(
    connection: Connection, reads: Reads, rooms: Collection[str]
) -> tuple[object, Mapping[str, int]]:
    """Return the epoch, and the heads of those rooms that the store knows.

    The epoch is unchecked, so it may be damaged.

    Raises:
        Outage: The database has no epoch: the tables are empty.
    """
    found = connection.execute(reads.positions, {"names": list(rooms)}).all()
    if not found:
        raise Outage("the database has no epoch")
    return found[0].epoch, {row.room: row.head for row in found if row.room is not None}


def marks(
    connection: Connection, room: str, users: Sequence[str], report: Report
) -> Mapping[str, int]:
    """Return the read markers of some users, without damaged ones."""
    found = connection.execute(MARKS, {"in_room": room, "users": list(users)}).all()
    return _sound_marks(room, found, report)


def all_marks(
    connection: Connection, room: str, most: int, report: Report
) -> Mapping[str, int] | None:
    """Return all read markers of a room; None for more than ``most`` users."""
    found = connection.execute(ALL_MARKS, {"in_room": room, "most": most + 1}).all()
    return _sound_marks(room, found, report) if len(found) <= most else None


def _sound_marks(room: str, found: Sequence[Any], report: Report) -> Mapping[str, int]:
    sound = {row.reader: row.seq for row in found if is_seq(row.seq)}
    if len(sound) < len(found):
        report("a mark in the database is damaged", room)
    return sound


def _event(room: str, row: Sequence[Any]) -> Event | None:
    """Return the event of a row; None if a value has the wrong type or is out of range."""
    # By position, which is faster than by name: a page has hundreds of rows.
    seq, id_, kind_name, username, ts, at, text_at, target, target_text_at, text, _ = row
    kind = _KINDS.get(kind_name)
    is_edited = is_deleted = False
    if kind is _MESSAGE:
        is_deleted = text_at is None
        is_edited = not is_deleted and text_at != at
        is_sound = type(username) is str and target is None
    elif kind is None:
        return None
    elif kind in NOTICES:
        is_sound = type(username) is str and target is None
    else:
        if kind is Kind.EDITED:
            is_deleted = target_text_at is None
            is_edited = not is_deleted
        is_sound = type(username) is str and type(target) is str
    if text is None and (is_deleted or kind is Kind.DELETED):
        text = ""
    if (
        is_sound
        and type(text) is str
        and type(id_) is str
        and type(ts) is int
        and 0 <= ts <= MAX_TS
        and type(seq) is int
        and 0 < seq <= MAX_SEQ
    ):
        return Event(seq, id_, room, kind, username, text, ts, target, is_edited, is_deleted)
    return None


def _damaged(room: str, row: Sequence[Any], report: Report) -> Event:
    """Return the event of a damaged row with the readable part of its text, or a placeholder.

    Raises:
        DamagedData: The ``seq`` is damaged.
    """
    seq, _, _, _, ts, _, _, _, _, text, epoch = row
    if not is_seq(seq):
        raise DamagedData("an event in the database has no valid seq", room)
    if isinstance(text, bytes | Undecodable):
        readable = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        event = _event(room, (*row[:9], readable, epoch))
        if event is not None:
            report("a text in the database is damaged", room, seq)
            return event
    report("an event in the database is damaged", room, seq)
    return placeholder(room, seq, ts if is_ts(ts) else _UNKNOWN_TS)

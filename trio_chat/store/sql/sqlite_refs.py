"""Deletes the expired refs of an SQLite store, and saves the clock of refs.

The rows of events hold the refs, in order of commit and so of time: all expired refs are before the
first valid one. Two markers of a room that no client can join save the clock, and the row up to
which the refs are deleted.
"""

from typing import Final

from sqlalchemy import Connection

from trio_chat.store.sql import sqlite_statements as sql
from trio_chat.store.sql.refclock import RefClock
from trio_chat.store.sql.rows import is_seq
from trio_chat.store.sql.statements import MARKS, REFS_MS, inserts

# The rows of a transaction of some milliseconds, so that appends fit in between.
_ROWS_AT_ONCE: Final = 1000

_CLOCK: Final = "clock"
_FORGOTTEN: Final = "refs"

_INSERT: Final = inserts("sqlite").mark


def forget_refs(clock: RefClock, connection: Connection) -> bool:
    """Delete some expired refs, and save the clock; returns whether more may exist."""
    above = _load(connection).get(_FORGOTTEN, 0)
    wanted = {"above": above, "most": _ROWS_AT_ONCE}
    rows = connection.execute(sql.REFS_ABOVE, wanted).all()
    last, oldest = above, clock.now_ms() - REFS_MS
    for n, has_ref, ms in rows:
        if has_ref and type(ms) is int and ms > oldest:
            break
        last = n
    if last > above:
        connection.execute(sql.FORGET_REFS, {"above": above, "last": last})
        _save(connection, _FORGOTTEN, last)
    save_clock(clock, connection)
    return len(rows) == _ROWS_AT_ONCE and last == rows[-1].n


def resume_clock(connection: Connection, clock: RefClock) -> None:
    """Set the clock of refs to its saved time, or to that of the newest ref if later."""
    times = [_load(connection).get(_CLOCK, 0), *connection.execute(sql.LAST_TIMES).scalars()]
    clock.resume_from(max(ms for ms in times if type(ms) is int))


def save_clock(clock: RefClock, connection: Connection) -> None:
    """Save the clock of refs."""
    _save(connection, _CLOCK, clock.now_ms())


def _load(connection: Connection) -> dict[str, int]:
    rows = connection.execute(MARKS, {"in_room": "", "users": [_CLOCK, _FORGOTTEN]})
    return {name: number for name, number in rows if is_seq(number)}


def _save(connection: Connection, name: str, number: int) -> None:
    connection.execute(_INSERT, {"room": "", "reader": name, "seq": number}).all()

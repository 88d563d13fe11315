"""Lets go of the refs of an SQLite log that have expired, and keeps the time of their clock.

Refs are in the rows of events. Rows are in the order of their commits, and so of their time: those
that have expired are all before the first one that has not. The clock and the row up to which refs
are gone are kept as marks in a room that nobody can join.
"""

from typing import Final

from sqlalchemy import Connection

from trio_chat.store.sql import sqlite_statements as sql
from trio_chat.store.sql.refclock import RefClock
from trio_chat.store.sql.rows import is_seq
from trio_chat.store.sql.statements import MARKS, REFS_MS, inserts

# A transaction of some milliseconds, so that appends come in between.
_ROWS_AT_ONCE: Final = 1000

_CLOCK: Final = "clock"
_GONE: Final = "refs"

_INSERT: Final = inserts("sqlite").mark


def forget_refs(clock: RefClock, connection: Connection) -> bool:
    """Forget some of those that have expired, and save the clock; returns whether there is more."""
    above = _load(connection).get(_GONE, 0)
    wanted = {"above": above, "most": _ROWS_AT_ONCE}
    rows = connection.execute(sql.REFS_ABOVE, wanted).all()
    last, oldest = above, clock.now_ms() - REFS_MS
    for n, has_ref, ms in rows:
        if has_ref and type(ms) is int and ms > oldest:
            break
        last = n
    if last > above:
        connection.execute(sql.FORGET_REFS, {"above": above, "last": last})
        _save(connection, _GONE, last)
    save_clock(clock, connection)
    return len(rows) == _ROWS_AT_ONCE and last == rows[-1].n


def resume_clock(connection: Connection, clock: RefClock) -> None:
    """Let the clock of refs go on from where the last server saved it, or from the last refs."""
    times = [_load(connection).get(_CLOCK, 0), *connection.execute(sql.LAST_TIMES).scalars()]
    clock.go_on_from(max(ms for ms in times if type(ms) is int))


def save_clock(clock: RefClock, connection: Connection) -> None:
    """Save the time of the clock of refs."""
    _save(connection, _CLOCK, clock.now_ms())


def _load(connection: Connection) -> dict[str, int]:
    rows = connection.execute(MARKS, {"in_room": "", "users": [_CLOCK, _GONE]})
    return {name: number for name, number in rows if is_seq(number)}


def _save(connection: Connection, name: str, number: int) -> None:
    connection.execute(_INSERT, {"room": "", "reader": name, "seq": number}).all()

"""The statements that only SQLite runs. Those of a batch are compiled for the driver's cursor."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Table,
    bindparam,
    cast,
    exists,
    func,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.pysqlite import dialect

from trio_chat.protocol.events import NOTICES
from trio_chat.store.sql.compiled import compiled, of_sizes
from trio_chat.store.sql.schema import epochs
from trio_chat.store.sql.sqlite_schema import events, texts
from trio_chat.store.sql.statements import (
    EPOCH,
    FORGET_EVENTS,
    NO_SEQ,
    THE_EPOCH,
    Quiet,
    ReadPage,
    Reads,
    inserts,
)

_DIALECT: Final = dialect()


def _newest(name: str, room: ColumnElement[str]) -> ColumnElement[Any]:
    """Select a column of the newest event of a room whose ``seq`` is a number."""
    newest = events.alias()
    return (
        select(newest.c[name])
        .where(newest.c.room == room, newest.c.seq < NO_SEQ)
        .order_by(newest.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )


def _head(room: ColumnElement[str]) -> ColumnElement[int]:
    """Select the head of a room. A damaged ``seq`` counts as the next number.

    So no number is used twice if the newest event is damaged.
    """
    damaged = events.alias()
    count = select(func.count(damaged.c.seq)).where(damaged.c.room == room, damaged.c.seq >= NO_SEQ)
    return func.coalesce(_newest("seq", room), 0) + count.scalar_subquery()


# --- reading ------------------------------------------------------------------------------------


def _page() -> Select[Any]:
    """Select the events of a room with their present texts, without bound and order."""
    target = events.alias("target")
    text_n = func.coalesce(target.c.text_n, events.c.text_n)
    return (
        select(
            events.c.seq,
            events.c.id,
            events.c.kind,
            events.c.username,
            events.c.ts,
            events.c.n.label("at"),
            events.c.text_n.label("text_at"),
            target.c.id.label("target"),
            target.c.text_n.label("target_text_at"),
            texts.c.text,
            EPOCH.scalar_subquery().label("epoch"),
        )
        .select_from(
            events.outerjoin(
                # A flipped bit must not expose a message of another room.
                target,
                (target.c.n == events.c.target) & (target.c.room == events.c.room),
            ).outerjoin(texts, texts.c.n == text_n)
        )
        .where(events.c.room == bindparam("in_room"))
        .limit(bindparam("most"))
    )


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - that is its engine
    return driver


def _read(page: Select[Any]) -> ReadPage:
    """Make a read on the driver's cursor: SQLAlchemy takes 1.6 times as long for a page of 50."""
    statement = compiled(page, _DIALECT, "in_room", "bound", "most")

    def read(connection: Connection, room: str, bound: int, most: int) -> sqlite3.Cursor:
        return driver_of(connection).execute(statement, (room, bound, most))

    return read


_names: Final = func.json_each(bindparam("names", type_=JSON)).table_valued("value", name="names")

READS: Final = Reads(
    page_before=_read(
        _page().where(events.c.seq < bindparam("bound")).order_by(events.c.seq.desc())
    ),
    page_after=_read(_page().where(events.c.seq > bindparam("bound")).order_by(events.c.seq)),
    positions=select(
        epochs.c.epoch, _names.c.value.label("room"), _head(_names.c.value).label("head")
    )
    .select_from(epochs.outerjoin(_names, true()))
    .where(THE_EPOCH),
)

# --- one batch ----------------------------------------------------------------------------------

BEGIN: Final = "BEGIN IMMEDIATE"
"""Takes the lock at once: at the first write, earlier reads could be out of date."""

DATA_VERSION: Final = "PRAGMA data_version"
"""A number that changes with each commit of another connection."""

LAST_ROW: Final = compiled(
    select(
        select(func.max(events.c.n)).scalar_subquery(),
        select(func.max(texts.c.n)).scalar_subquery(),
    ),
    _DIALECT,
)
HEAD: Final = compiled(
    select(_head(bindparam("room")), _newest("ts", bindparam("room"))),
    _DIALECT,
    *["room"] * 3,
)
"""The head of a room, and the time of its newest event."""

CHECK: Final = compiled(
    select(epochs.c.epoch, events.c.id)
    .select_from(
        epochs.outerjoin(
            events,
            (events.c.room == bindparam("anchor_room")) & (events.c.seq == bindparam("anchor_seq")),
        )
    )
    .where(THE_EPOCH),
    _DIALECT,
    "anchor_room",
    "anchor_seq",
)
"""The epoch, and the id of the event at the place of the anchor; no row without an epoch."""


def _keys(name: str, numbers: Sequence[int]) -> list[ColumnElement[Any]]:
    return [bindparam(f"{name}_{number}") for number in numbers]


DONE: Final = of_sizes(
    lambda numbers: select(
        events.c.ref, events.c.fingerprint, events.c.id, events.c.seq, events.c.ref_time
    ).where(events.c.ref.in_(_keys("ref", numbers))),
    _DIALECT,
    "ref",
)
MESSAGES: Final = of_sizes(
    lambda numbers: (
        select(
            events.c.id,
            events.c.kind,
            events.c.room,
            events.c.seq,
            events.c.n,
            events.c.author,
            events.c.device,
            events.c.text_n,
            # Older versions of SQLite have no octet_length.
            func.length(cast(texts.c.text, LargeBinary)),
        )
        .select_from(events.outerjoin(texts, texts.c.n == events.c.text_n))
        .where(events.c.id.in_(_keys("id", numbers)))
    ),
    _DIALECT,
    "id",
)


def _rows(table: Table) -> Mapping[int, str]:
    """Return the statements that insert whole rows."""
    names = table.c.keys()
    return of_sizes(
        lambda numbers: insert(table).values(
            [{name: bindparam(f"{name}_{number}") for name in names} for number in numbers]
        ),
        _DIALECT,
        *names,
    )


INSERT_EVENTS: Final = _rows(events)
INSERT_TEXTS: Final = _rows(texts)
INSERT_MARK: Final = compiled(inserts("sqlite").mark, _DIALECT, "room", "reader", "seq")
"""Returns a marker that advanced."""
SHOW_TEXT: Final = compiled(
    update(events).where(events.c.n == bindparam("at")).values(text_n=bindparam("shown")),
    _DIALECT,
    "shown",
    "at",
)
BLANK_TEXT: Final = compiled(
    update(texts).where(texts.c.n == bindparam("at")).values(text=bindparam("blanks")),
    _DIALECT,
    "blanks",
    "at",
)
_NO_REF: Final = {"ref": null(), "fingerprint": null(), "ref_time": null()}
VOID_REF: Final = compiled(
    update(events).where(events.c.ref == bindparam("old")).values(_NO_REF), _DIALECT, "old"
)

# --- pruning ------------------------------------------------------------------------------------

REFS_ABOVE: Final = (
    select(events.c.n, events.c.ref.is_not(None).label("has_ref"), events.c.ref_time)
    .where(events.c.n > bindparam("above"))
    .order_by(events.c.n)
    .limit(bindparam("most"))
)
FORGET_REFS: Final = (
    update(events)
    .where(
        events.c.n > bindparam("above"), events.c.n <= bindparam("last"), events.c.ref.is_not(None)
    )
    .values(_NO_REF)
)
LAST_TIMES: Final = select(events.c.ref_time).order_by(events.c.n.desc()).limit(1000)
"""The times of the newest refs, on the clock of refs."""

_first = select(func.min(events.c.room).label("room")).where(events.c.room > bindparam("above"))
_room = _first.cte("room", recursive=True)
_next = select(func.min(events.c.room)).where(events.c.room > _room.c.room).scalar_subquery()
_each_room = _room.union_all(select(_next).where(_room.c.room.is_not(None)))
"""The names of the rooms, by jumps through the index."""

_older = events.alias("older")
_messages_of_room = events.alias("messages")

QUIET: Final = Quiet(
    rooms=select(_each_room.c.room).where(_each_room.c.room.is_not(None)).limit(bindparam("most")),
    quiet=select(_names.c.value)
    .join(events, events.c.room == _names.c.value)
    .where(
        events.c.seq == _newest("seq", _names.c.value),
        events.c.ts <= bindparam("expired"),
        exists().where(_older.c.room == events.c.room, _older.c.seq < events.c.seq),
        ~exists().where(
            _messages_of_room.c.room == events.c.room,
            _messages_of_room.c.kind.not_in(sorted(NOTICES)),
        ),
    ),
    head=select(_head(bindparam("in_room"))),
    # The texts stay: that table never deletes a row.
    forget=(FORGET_EVENTS,),
)

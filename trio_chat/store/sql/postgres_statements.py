"""The statements that only PostgreSQL runs."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    LargeBinary,
    Select,
    Table,
    Text,
    asc,
    bindparam,
    cast,
    column,
    delete,
    desc,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.types import TypeEngine

from trio_chat.protocol.events import NOTICES
from trio_chat.store.base import PAGE_BYTES
from trio_chat.store.sql.compiled import with_names
from trio_chat.store.sql.leases import NOW_MS
from trio_chat.store.sql.postgres_schema import events, refs, rooms, texts
from trio_chat.store.sql.schema import epochs, marks
from trio_chat.store.sql.statements import (
    ANCHOR,
    EPOCH,
    FORGET_EVENTS,
    IDENTITY,
    IDENTITY_COLUMNS,
    REFS_MS,
    THE_EPOCH,
    Quiet,
    ReadPage,
    Reads,
)

_NOW_MS: Final = NOW_MS["postgresql"]

# --- reading ------------------------------------------------------------------------------------


def _page() -> Select[Any]:
    """Select the events of a room with their present texts, without bound, order and limit."""
    target = events.alias("target")
    text_seq = func.coalesce(target.c.text_seq, events.c.text_seq)
    return (
        select(
            events.c.seq,
            events.c.id,
            events.c.kind,
            events.c.username,
            events.c.ts,
            events.c.seq.label("at"),
            events.c.text_seq.label("text_at"),
            target.c.id.label("target"),
            target.c.text_seq.label("target_text_at"),
            texts.c.text,
            EPOCH.scalar_subquery().label("epoch"),
        )
        .select_from(
            events.outerjoin(
                target, (target.c.room == events.c.room) & (target.c.seq == events.c.target)
            ).outerjoin(texts, (texts.c.room == events.c.room) & (texts.c.seq == text_seq))
        )
        .where(events.c.room == bindparam("in_room"))
        .limit(bindparam("most"))
    )


def _bounded(
    page: Select[Any], order: Callable[[ColumnElement[Any]], ColumnElement[Any]]
) -> Select[Any]:
    """Leave out rows beyond the size of a page, since the server sends all rows at once.

    One row after the event that exceeds the size remains, to show that the room has more.
    """
    rows = page.order_by(order(events.c.seq)).subquery("page")
    size = func.sum(func.coalesce(func.octet_length(rows.c.text), 0))
    before = size.over(order_by=order(rows.c.seq), rows=(None, -2))
    sized = select(rows, before.label("size_before")).subquery("sized")
    columns = [column for column in sized.c if column.name != "size_before"]
    return (
        select(*columns)
        .where(func.coalesce(sized.c.size_before, 0) <= PAGE_BYTES)
        .order_by(order(sized.c.seq))
    )


def _read(page: Select[Any]) -> ReadPage:
    def read(connection: Connection, room: str, bound: int, most: int) -> CursorResult[Any]:
        return connection.execute(page, {"in_room": room, "bound": bound, "most": most})

    return read


_NAMED: Final = rooms.c.room.in_(bindparam("names", expanding=True))

READS: Final = Reads(
    page_before=_read(_bounded(_page().where(events.c.seq < bindparam("bound")), desc)),
    page_after=_read(_bounded(_page().where(events.c.seq > bindparam("bound")), asc)),
    positions=select(epochs.c.epoch, rooms.c.room, rooms.c.head)
    .select_from(epochs.outerjoin(rooms, _NAMED))
    .where(THE_EPOCH),
)

# --- one batch ----------------------------------------------------------------------------------

_DIALECT: Final = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def _array(name: str, of: type[TypeEngine[Any]]) -> ColumnElement[Any]:
    return cast(bindparam(name), ARRAY(of))


def _among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return column == func.any(_array(name, type(column.type)))


def _rows(*where: ColumnElement[bool], **columns: type[TypeEngine[Any]]) -> CTE:
    """Select rows from array parameters, so that one statement serves any number of rows.

    Args:
        where: A condition for the whole selection.
        columns: The type of each column.
    """
    arrays = [_array(name, of) for name, of in columns.items()]
    named = [column(name, of) for name, of in columns.items()]
    rows = func.unnest(*arrays).table_valued(*named, name="given").render_derived()
    return select(rows).where(*where).cte("new")


def _insert_from(rows: Select[Any], into: Table, **more: ColumnElement[Any]) -> Insert:
    names = [one.name for one in into.c if one.name not in more]
    given = rows.with_only_columns(*(rows.selected_columns[name] for name in names), *more.values())
    return insert(into).from_select([*names, *more], given)


# Ordered by name, so that two processes never wait for each other in a circle.
LOCK_HEADS: Final = with_names(
    select(rooms.c.room, rooms.c.head, rooms.c.ts, *IDENTITY_COLUMNS)
    .where(_among(rooms.c.room, "names"))
    .order_by(rooms.c.room)
    .with_for_update(),
    _DIALECT,
)
CHECK: Final = with_names(IDENTITY, _DIALECT)
DONE: Final = with_names(
    select(refs.c.ref, refs.c.fingerprint, refs.c.id, refs.c.seq, _NOW_MS - refs.c.ts).where(
        _among(refs.c.ref, "keys")
    ),
    _DIALECT,
)
VOID_REFS: Final = with_names(delete(refs).where(_among(refs.c.ref, "keys")), _DIALECT)
MESSAGES: Final = with_names(
    select(
        events.c.id,
        events.c.kind,
        events.c.room,
        events.c.seq,
        events.c.seq.label("at"),
        events.c.author,
        events.c.device,
        events.c.text_seq,
        func.octet_length(texts.c.text),
    )
    .select_from(
        events.outerjoin(
            texts, (texts.c.room == events.c.room) & (texts.c.seq == events.c.text_seq)
        )
    )
    .where(_among(events.c.id, "ids")),
    _DIALECT,
)
SHOW_TEXT: Final = with_names(
    update(events)
    .where(events.c.room == bindparam("in_room"), events.c.seq == bindparam("at"))
    .values(text_seq=bindparam("shown")),
    _DIALECT,
)
BLANK_TEXT: Final = with_names(
    update(texts)
    .where(texts.c.room == bindparam("in_room"), texts.c.seq == bindparam("at"))
    .values(text=bindparam("blanks")),
    _DIALECT,
)

_locked: Final = (
    select(rooms.c.head)
    .where(_among(rooms.c.room, "rooms"))
    .order_by(rooms.c.room)
    .with_for_update()
    .cte("locked")
)
_is_as_expected: Final = (
    (select(func.array_agg(_locked.c.head)).scalar_subquery() == _array("heads", BigInteger))
    & (EPOCH.scalar_subquery() == bindparam("epoch"))
    & ANCHOR.scalar_subquery().is_not_distinct_from(cast(bindparam("anchor_id"), Text))
    & ~exists().where(_among(refs.c.ref, "new_refs"))
)
_new: Final = _rows(
    _is_as_expected,
    **{one.name: type(one.type) for one in events.c},
    text=Text,
    ref=LargeBinary,
    fingerprint=LargeBinary,
)
_newest_of_rooms: Final = (
    select(_new.c.room, func.max(_new.c.seq).label("head"), func.max(_new.c.ts).label("ts"))
    .group_by(_new.c.room)
    .subquery("newest")
)
WRITTEN: Final = tuple(_new.c.keys())
"""The parameters of `WRITE`: arrays with an item for each event."""
WRITE: Final = with_names(
    update(rooms)
    .where(rooms.c.room == _newest_of_rooms.c.room)
    .values(head=_newest_of_rooms.c.head, ts=_newest_of_rooms.c.ts)
    .add_cte(
        _insert_from(select(_new), events).cte("events"),
        _insert_from(select(_new).where(_new.c.text.is_not(None)), texts).cte("texts"),
        # Ordered by key, for the same reason.
        _insert_from(
            select(_new).where(_new.c.ref.is_not(None)).order_by(_new.c.ref), refs, ts=_NOW_MS
        ).cte("refs"),
    ),
    _DIALECT,
)
"""Inserts events, texts and refs, and sets the heads of their rooms.

It first locks the rooms, and writes nothing unless the assumptions hold.
"""
REF_KEY: Final = f"{refs.name}_pkey"
"""The constraint that the second of two processes with the same ref violates."""

_marks: Final = _rows(room=Text, reader=Text, seq=BigInteger)
WRITTEN_MARKS: Final = tuple(_marks.c.keys())
"""The parameters of `WRITE_MARKS`: arrays with an item for each marker."""
_mark: Final = insert(marks).from_select(_marks.c.keys(), select(_marks))
WRITE_MARKS: Final = with_names(
    _mark.on_conflict_do_update(
        index_elements=[marks.c.room, marks.c.reader],
        set_={"seq": _mark.excluded.seq},
        where=marks.c.seq < _mark.excluded.seq,
    ).returning(marks.c.room, marks.c.reader),
    _DIALECT,
)

INSERT_ROOM: Final = insert(rooms).on_conflict_do_nothing(index_elements=[rooms.c.room])

# --- pruning ------------------------------------------------------------------------------------

FORGET_REFS: Final[Delete] = delete(refs).where(
    refs.c.ref.in_(
        select(refs.c.ref)
        .where(refs.c.ts <= _NOW_MS - REFS_MS)
        .order_by(refs.c.ts)
        .limit(bindparam("most"))
        # A ref that another transaction renews at this moment is no longer expired.
        .with_for_update(skip_locked=True)
    )
)

_newest = events.alias("newest")
_older = events.alias("older")
_messages_of_room = events.alias("messages")

QUIET: Final = Quiet(
    rooms=select(rooms.c.room)
    .where(rooms.c.room > bindparam("above"))
    .order_by(rooms.c.room)
    .limit(bindparam("most")),
    quiet=select(rooms.c.room)
    .join(_newest, (_newest.c.room == rooms.c.room) & (_newest.c.seq == rooms.c.head))
    .where(
        _NAMED,
        _newest.c.ts <= bindparam("expired"),
        exists().where(_older.c.room == rooms.c.room, _older.c.seq < rooms.c.head),
        ~exists().where(
            _messages_of_room.c.room == rooms.c.room,
            _messages_of_room.c.kind.not_in(sorted(NOTICES)),
        ),
    ),
    head=select(rooms.c.head).where(rooms.c.room == bindparam("in_room")).with_for_update(),
    forget=(
        FORGET_EVENTS,
        delete(texts).where(texts.c.room == bindparam("in_room"), texts.c.seq <= bindparam("last")),
    ),
)

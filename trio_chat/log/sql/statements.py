"""Every statement that is run on a log, made once for its dialect."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen
from sqlalchemy import (
    ColumnElement,
    Delete,
    Executable,
    Integer,
    Select,
    Update,
    asc,
    bindparam,
    delete,
    desc,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from trio_chat.log.base import PAGE_BYTES, REFS_SECONDS
from trio_chat.log.sql.refclock import ref_now_ms
from trio_chat.log.sql.schema import epochs, events, marks, refs, rooms, texts

REFS_MS: Final = REFS_SECONDS * 1000

_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


_NO_SEQ: Final = 1 << 53
_THE_EPOCH: Final = epochs.c.only == 1
EPOCH: Final = select(epochs.c.epoch).where(_THE_EPOCH)


class byte_length(GenericFunction[int]):  # noqa: N801 - named like a function of SQL
    """How many bytes of UTF-8 a text has."""

    type = Integer()
    inherit_cache = True


@compiles(byte_length, "sqlite")
def _byte_length_sqlite(element: byte_length, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    # Its own octet_length is too new.
    return f"length(CAST({compiler.process(element.clauses, **kw)} AS BLOB))"


@compiles(byte_length, "postgresql")
def _byte_length_postgres(element: byte_length, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    return f"octet_length({compiler.process(element.clauses, **kw)})"


def _page() -> Select[Any]:
    """Events of a room as they are shown now; the bound, the order and the limit are to come."""
    target = events.alias("target")
    text_seq = func.coalesce(target.c.text_seq, events.c.text_seq)
    return (
        select(
            events.c.seq,
            events.c.id,
            events.c.kind,
            events.c.username,
            events.c.ts,
            events.c.text_seq,
            target.c.id.label("target"),
            target.c.text_seq.label("target_text_seq"),
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


# --- reading ----------------------------------------------------------------------------------


def _by_dialect(
    page: Select[Any], order: Callable[[ColumnElement[Any]], ColumnElement[Any]]
) -> Mapping[str, Select[Any]]:
    """A page for each dialect: SQLite gives row after row as they are fetched.

    PostgreSQL sends all rows at once, so there the statement leaves out those that nobody fetches:
    all behind the first one behind the event with which the texts exceed a page.
    """
    rows = page.order_by(order(events.c.seq)).subquery("page")
    size = func.sum(func.coalesce(byte_length(rows.c.text), 0))
    before = size.over(order_by=order(rows.c.seq), rows=(None, -2))
    sized = select(rows, before.label("size_before")).subquery("sized")
    columns = [column for column in sized.c if column.name != "size_before"]
    bounded = (
        select(*columns)
        .where(func.coalesce(sized.c.size_before, 0) <= PAGE_BYTES)
        .order_by(order(sized.c.seq))
    )
    return {"sqlite": page.order_by(order(events.c.seq)), "postgresql": bounded}


PAGE_BEFORE: Final = _by_dialect(_page().where(events.c.seq < bindparam("bound")), desc)
PAGE_AFTER: Final = _by_dialect(_page().where(events.c.seq > bindparam("bound")), asc)
HEADS: Final = select(rooms.c.room, rooms.c.head).where(
    rooms.c.room.in_(bindparam("names", expanding=True))
)
STANDS: Final = (
    select(epochs.c.epoch, rooms.c.room, rooms.c.head)
    .select_from(epochs.outerjoin(rooms, rooms.c.room.in_(bindparam("names", expanding=True))))
    .where(_THE_EPOCH)
)
"""The epoch is in each row; where no room is known, in one row without a room."""
MARKS: Final = select(marks.c.reader, marks.c.seq).where(
    marks.c.room == bindparam("in_room"), marks.c.reader.in_(bindparam("users", expanding=True))
)

# --- the identity of the history ----------------------------------------------------------------

_ANCHOR: Final = select(events.c.id).where(
    events.c.room == bindparam("anchor_room"), events.c.seq == bindparam("anchor_seq")
)
_IDENTITY: Final = (
    EPOCH.scalar_subquery().label("epoch"),
    _ANCHOR.scalar_subquery().label("anchor"),
)
IDENTITY: Final = select(*_IDENTITY)
"""One row, also where the database has neither."""
NEWEST: Final = (
    select(events.c.seq, events.c.id)
    # On SQLite, a damaged seq that is a text is larger than every number.
    .where(events.c.room == bindparam("in_room"), events.c.seq < _NO_SEQ)
    .order_by(events.c.seq.desc())
    .limit(1)
)
REPLACED: Final = select(epochs.c.replaced).where(_THE_EPOCH)
TIMES_BEFORE: Final = (
    select(events.c.ts)
    .where(events.c.room == bindparam("in_room"), events.c.seq < bindparam("bound"))
    .order_by(events.c.seq.desc())
    .limit(100)
)
REPLACE_EPOCH: Final[Update] = (
    update(epochs)
    .where(_THE_EPOCH, epochs.c.epoch == bindparam("old"))
    .values(epoch=bindparam("new"), replaced=bindparam("former"))
)
REPLACE_DAMAGED_EPOCH: Final[Update] = (
    update(epochs).where(_THE_EPOCH).values(epoch=bindparam("new"))
)

# --- one batch --------------------------------------------------------------------------------

# By name: two that want the same rooms never wait for each other in a circle.
LOCK_HEADS: Final = (
    HEADS.add_columns(rooms.c.ts, *_IDENTITY).order_by(rooms.c.room).with_for_update()
)
DONE: Final = select(
    refs.c.ref,
    refs.c.fingerprint,
    refs.c.id,
    refs.c.seq,
    (ref_now_ms() - refs.c.ts).label("age"),
).where(refs.c.ref.in_(bindparam("keys", expanding=True)), refs.c.ts > ref_now_ms() - REFS_MS)
VOID_REFS: Final[Delete] = delete(refs).where(refs.c.ref.in_(bindparam("keys", expanding=True)))
MESSAGES: Final = (
    select(
        events.c.id,
        events.c.kind,
        events.c.room,
        events.c.seq,
        events.c.seq.label("at"),
        events.c.author,
        events.c.device,
        events.c.text_seq,
        byte_length(texts.c.text).label("text_bytes"),
    )
    .select_from(
        events.outerjoin(
            texts, (texts.c.room == events.c.room) & (texts.c.seq == events.c.text_seq)
        )
    )
    .where(events.c.id.in_(bindparam("ids", expanding=True)))
)
SHOW_TEXT: Final[Update] = (
    update(events)
    .where(events.c.room == bindparam("in_room"), events.c.seq == bindparam("at"))
    .values(text_seq=bindparam("shown"))
)
BLANK_TEXT: Final[Update] = (
    update(texts)
    .where(texts.c.room == bindparam("in_room"), texts.c.seq == bindparam("at"))
    .values(text=bindparam("blanks"))
)
SET_HEAD: Final[Update] = (
    update(rooms)
    .where(rooms.c.room == bindparam("name"))
    .values(head=bindparam("newest"), ts=bindparam("newest_ts"))
)

# --- now and then -----------------------------------------------------------------------------

FORGET_REFS: Final[Delete] = delete(refs).where(
    refs.c.ref.in_(
        select(refs.c.ref)
        .where(refs.c.ts <= ref_now_ms() - REFS_MS)
        .order_by(refs.c.ts)
        .limit(bindparam("most"))
        # What is being renewed at this moment has not expired any more.
        .with_for_update(skip_locked=True)
    )
)


# The clock of refs: where a server left off is kept as a mark in a room that nobody can join.
_CLOCK: Final = {"room": "", "reader": "clock"}
REF_CLOCK: Final = select(func.max(refs.c.ts)).union_all(
    select(marks.c.seq).where(marks.c.room == _CLOCK["room"], marks.c.reader == _CLOCK["reader"])
)


@frozen
class Inserts:
    """Those statements that each dialect has in words of its own.

    Attributes:
        event: Events, as they are.
        text: Texts, as they are.
        ref: Requests that are done; changes no row for one that is on the log already, unless
            that has expired.
        mark: Marks; returns those that have grown.
        clock: What the clock of refs shows.
        probe: A mark that nobody sees and that always grows, so that it is always written.
        room: Rooms, those left out that are there.
        epoch: The life of the log, unless it has begun.
    """

    event: Executable
    text: Executable
    ref: Executable
    mark: Executable
    clock: Executable
    probe: Executable
    room: Executable
    epoch: Executable


def inserts(dialect: str) -> Inserts:
    """Make them.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
    """
    insert = _INSERT[dialect]
    ref = insert(refs).values(ts=ref_now_ms())
    mark = insert(marks)
    return Inserts(
        event=insert(events),
        text=insert(texts),
        ref=ref.on_conflict_do_update(
            index_elements=[refs.c.ref],
            set_={name: ref.excluded[name] for name in ("fingerprint", "id", "seq", "ts")},
            where=refs.c.ts <= ref.excluded.ts - REFS_MS,
        ).execution_options(preserve_rowcount=True),
        mark=mark.on_conflict_do_update(
            index_elements=[marks.c.room, marks.c.reader],
            set_={"seq": mark.excluded.seq},
            where=marks.c.seq < mark.excluded.seq,
        ).returning(marks.c.room, marks.c.reader),
        clock=mark.values(**_CLOCK, seq=ref_now_ms()).on_conflict_do_update(
            index_elements=[marks.c.room, marks.c.reader],
            set_={"seq": mark.excluded.seq},
            where=marks.c.seq < mark.excluded.seq,
        ),
        # Nobody can join this room.
        probe=mark.values(room="", reader="", seq=1).on_conflict_do_update(
            index_elements=[marks.c.room, marks.c.reader], set_={"seq": marks.c.seq + 1}
        ),
        room=insert(rooms).on_conflict_do_nothing(index_elements=[rooms.c.room]),
        epoch=insert(epochs).on_conflict_do_nothing(index_elements=[epochs.c.only]),
    )

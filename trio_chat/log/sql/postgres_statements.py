"""The statements that only PostgreSQL runs."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Update,
    asc,
    bindparam,
    delete,
    desc,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from trio_chat.log.base import PAGE_BYTES
from trio_chat.log.sql.leases import NOW_MS
from trio_chat.log.sql.postgres_schema import events, refs, rooms, texts
from trio_chat.log.sql.schema import epochs
from trio_chat.log.sql.statements import (
    EPOCH,
    FORGET_EVENTS,
    IDENTITY_COLUMNS,
    REFS_MS,
    THE_EPOCH,
    Quiet,
    Reads,
)
from trio_chat.protocol.events import NOTICES

_NOW_MS: Final = NOW_MS["postgresql"]

# --- reading ------------------------------------------------------------------------------------


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
    """Leave out the rows that nobody fetches, as the server sends all rows at once.

    Those are all behind the first one behind the event with which the texts exceed a page.
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


_NAMED: Final = rooms.c.room.in_(bindparam("names", expanding=True))

READS: Final = Reads(
    page_before=_bounded(_page().where(events.c.seq < bindparam("bound")), desc),
    page_after=_bounded(_page().where(events.c.seq > bindparam("bound")), asc),
    stands=select(epochs.c.epoch, rooms.c.room, rooms.c.head)
    .select_from(epochs.outerjoin(rooms, _NAMED))
    .where(THE_EPOCH),
)

# --- one batch ----------------------------------------------------------------------------------

# By name: two that want the same rooms never wait for each other in a circle.
LOCK_HEADS: Final = (
    select(rooms.c.room, rooms.c.head, rooms.c.ts, *IDENTITY_COLUMNS)
    .where(_NAMED)
    .order_by(rooms.c.room)
    .with_for_update()
)
DONE: Final = select(
    refs.c.ref,
    refs.c.fingerprint,
    refs.c.id,
    refs.c.seq,
    (_NOW_MS - refs.c.ts).label("age"),
).where(refs.c.ref.in_(bindparam("keys", expanding=True)), refs.c.ts > _NOW_MS - REFS_MS)
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
        func.octet_length(texts.c.text).label("text_bytes"),
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

INSERT_ROOM: Final = insert(rooms).on_conflict_do_nothing(index_elements=[rooms.c.room])
INSERT_EVENT: Final = insert(events)
INSERT_TEXT: Final = insert(texts)

_ref: Final = insert(refs).values(ts=_NOW_MS)
INSERT_REF: Final = _ref.on_conflict_do_update(
    index_elements=[refs.c.ref],
    set_={name: _ref.excluded[name] for name in ("fingerprint", "id", "seq", "ts")},
    where=refs.c.ts <= _ref.excluded.ts - REFS_MS,
).execution_options(preserve_rowcount=True)
"""Changes no row for a ref that is there already, unless that has expired."""

# --- now and then -------------------------------------------------------------------------------

FORGET_REFS: Final[Delete] = delete(refs).where(
    refs.c.ref.in_(
        select(refs.c.ref)
        .where(refs.c.ts <= _NOW_MS - REFS_MS)
        .order_by(refs.c.ts)
        .limit(bindparam("most"))
        # What is being renewed at this moment has not expired any more.
        .with_for_update(skip_locked=True)
    )
)

_newest = events.alias("newest")
_older = events.alias("older")
_said = events.alias("said")

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
        ~exists().where(_said.c.room == rooms.c.room, _said.c.kind.not_in(sorted(NOTICES))),
    ),
    head=select(rooms.c.head).where(rooms.c.room == bindparam("in_room")).with_for_update(),
    forget=(
        FORGET_EVENTS,
        delete(texts).where(texts.c.room == bindparam("in_room"), texts.c.seq <= bindparam("last")),
    ),
)

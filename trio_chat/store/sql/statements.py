"""The statements that both databases share."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from attrs import frozen
from sqlalchemy import (
    BigInteger,
    Connection,
    Delete,
    Executable,
    Text,
    Update,
    bindparam,
    column,
    delete,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from trio_chat.store.base import REFS_SECONDS
from trio_chat.store.sql.schema import epochs, marks

REFS_MS: Final = REFS_SECONDS * 1000

INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""The insert of each dialect."""

NO_SEQ: Final = 1 << 53
"""Above every valid ``seq``. On SQLite, a damaged one that is a text exceeds any number."""

THE_EPOCH: Final = epochs.c.only == 1
EPOCH: Final = select(epochs.c.epoch).where(THE_EPOCH)

# The columns that the events of both databases share.
_events: Final = table(
    "chat_events",
    column("room", Text),
    column("seq", BigInteger),
    column("id", Text),
    column("ts", BigInteger),
)

ALL_MARKS: Final = (
    select(marks.c.reader, marks.c.seq)
    .where(marks.c.room == bindparam("in_room"))
    .limit(bindparam("most"))
)
MARKS: Final = select(marks.c.reader, marks.c.seq).where(
    marks.c.room == bindparam("in_room"), marks.c.reader.in_(bindparam("users", expanding=True))
)
TIMES_BEFORE: Final = (
    select(_events.c.ts)
    .where(_events.c.room == bindparam("in_room"), _events.c.seq < bindparam("bound"))
    .order_by(_events.c.seq.desc())
    .limit(100)
)

# --- the identity of the history ----------------------------------------------------------------

ANCHOR: Final = select(_events.c.id).where(
    _events.c.room == bindparam("anchor_room"), _events.c.seq == bindparam("anchor_seq")
)
IDENTITY_COLUMNS: Final = (
    EPOCH.scalar_subquery().label("epoch"),
    ANCHOR.scalar_subquery().label("anchor"),
)
IDENTITY: Final = select(*IDENTITY_COLUMNS)
"""One row, even if the database has neither."""
NEWEST: Final = (
    select(_events.c.seq, _events.c.id)
    .where(_events.c.room == bindparam("in_room"), _events.c.seq < NO_SEQ)
    .order_by(_events.c.seq.desc())
    .limit(1)
)
REPLACED: Final = select(epochs.c.replaced).where(THE_EPOCH)
REPLACE_EPOCH: Final[Update] = (
    update(epochs)
    .where(THE_EPOCH, epochs.c.epoch == bindparam("old"))
    .values(epoch=bindparam("new"), replaced=bindparam("former"))
)
REPLACE_DAMAGED_EPOCH: Final[Update] = (
    update(epochs).where(THE_EPOCH).values(epoch=bindparam("new"))
)


class Rows(Protocol):
    """The rows of an answer, fetched one by one."""

    def __iter__(self) -> Iterator[Sequence[Any]]:
        """Fetch each row."""

    def close(self) -> object:
        """Skip the remaining rows."""


ReadPage = Callable[[Connection, str, int, int], Rows]
"""Reads the events of a room on one side of a ``seq``, up to a maximum number."""


@frozen
class Reads:
    """The reads that differ between the databases.

    Attributes:
        page_before: The events below a ``seq`` with their present texts, newest first.
        page_after: The events above it, oldest first.
        positions: A row with epoch, room and head for each known room; one row without a room if
            none is known.
    """

    page_before: ReadPage
    page_after: ReadPage
    positions: Executable


@frozen
class Inserts:
    """Inserts into the tables of both databases.

    Attributes:
        mark: Markers; returns those that advanced.
        probe: An invisible marker that always advances, so that each probe writes.
        epoch: The epoch of a new database.
    """

    mark: ReturningInsert[Any]
    probe: Executable
    epoch: Executable


def inserts(dialect: str) -> Inserts:
    """Return the inserts of a dialect.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
    """
    insert = INSERT[dialect]
    mark = insert(marks)
    highest = mark.on_conflict_do_update(
        index_elements=[marks.c.room, marks.c.reader],
        set_={"seq": mark.excluded.seq},
        where=marks.c.seq < mark.excluded.seq,
    )
    return Inserts(
        mark=highest.returning(marks.c.room, marks.c.reader),
        # No client can join this room.
        probe=mark.values(room="", reader="", seq=1).on_conflict_do_update(
            index_elements=[marks.c.room, marks.c.reader], set_={"seq": marks.c.seq + 1}
        ),
        epoch=insert(epochs).on_conflict_do_nothing(index_elements=[epochs.c.only]),
    )


@frozen
class Quiet:
    """The statements of `trio_chat.store.sql.quiet` that differ between the databases.

    Attributes:
        rooms: The next names of rooms.
        quiet: The quiet rooms among some rooms.
        head: The head of a room, locked until the transaction ends.
        forget: Deletes the events of a room up to a ``seq``, with their texts.
    """

    rooms: Executable
    quiet: Executable
    head: Executable
    forget: Sequence[Executable]


OLDEST: Final = (
    select(_events.c.seq)
    .where(_events.c.room == bindparam("in_room"), _events.c.seq < bindparam("newest"))
    .order_by(_events.c.seq)
    .limit(bindparam("most"))
)
FORGET_EVENTS: Final[Delete] = delete(_events).where(
    _events.c.room == bindparam("in_room"), _events.c.seq <= bindparam("last")
)

"""Looks up and writes batches in PostgreSQL, where several processes may append at once.

All processes take locks in one order: rooms by name, refs by key, marks by room and user. So they
never wait for each other in a circle.

The driver sends several statements before it reads the first answer (its pipeline mode). A batch
takes two round trips: begin, lock and look up; then write and commit.

A process that has the store to itself keeps the heads of its rooms in memory, and skips the first
round trip. The statement that writes compares them with the database, and writes nothing if they
differ. Then the batch begins again with a look-up.
"""

import select
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, exc

from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft, Kind
from trio_chat.store.base import Commit
from trio_chat.store.sql import postgres_statements as sql
from trio_chat.store.sql.batch import (
    Batch,
    BeginAgain,
    Done,
    Message,
    Work,
    done_of,
    message_of,
)
from trio_chat.store.sql.identity import Identity
from trio_chat.store.sql.postgres import BEGIN, NoAnswer
from trio_chat.store.sql.statements import REFS_MS

# The rows of a transaction of some milliseconds, so that appends fit in between.
_REFS_AT_ONCE: Final = 1000

_MOST_ROOMS: int = 10_000
"""Maximum heads in memory: some megabytes."""

_Cursor = psycopg.Cursor[tuple[Any, ...]]


_Head = tuple[int, int]
"""The ``seq`` and the ``ts`` of the newest event of a room."""


class _RoomsMissing(Exception):  # noqa: N818 - an outcome that this file handles
    """Some rooms have no row yet.

    Another transaction creates them: here their locks would be out of order.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(rooms)
        self.rooms = rooms


class PostgresBatches:
    """Commits batches, each in a transaction.

    Args:
        engine: The engine of the connection that appends.
        identity: The history that this process knows.
        exclusive: Whether no other process appends. Otherwise the heads in memory would often be
            out of date, which costs more than a look-up.
    """

    def __init__(self, engine: Engine, identity: Identity, *, exclusive: bool) -> None:
        self._engine = engine
        self._identity = identity
        self._exclusive = exclusive
        self._heads: dict[str, _Head] = {}

    def transact(self, work: Work, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        """Commit a batch. Satisfies `trio_chat.store.sql.batch.Transact`."""
        heads, self._heads = self._heads, {}  # unknown after a failure
        try:
            with _translated(), _pipeline(self._engine) as pipeline:
                transaction = PostgresTransaction(pipeline, self._identity, heads)
                done = work(transaction, drafts, marks)
                if transaction.depends_on_write:
                    pipeline.sync()
                    transaction.check_written()
                pipeline.commit()
            try:
                transaction.check_written()
            except BeginAgain:
                self._heads = heads  # the heads of other rooms may be right
                for draft in drafts:
                    heads.pop(draft.room, None)
                raise
        except _RoomsMissing as missing:
            with self._engine.begin() as connection:
                rooms = [{"room": name, "head": 0} for name in missing.rooms]
                connection.execute(sql.INSERT_ROOM, rooms)
            raise BeginAgain from None
        if self._exclusive and len(heads) < _MOST_ROOMS:
            heads.update(transaction.heads)
            self._heads = heads
        return done


def forget_refs(connection: Connection) -> bool:
    """Delete some expired refs; returns whether more may exist."""
    return connection.execute(sql.FORGET_REFS, {"most": _REFS_AT_ONCE}).rowcount == _REFS_AT_ONCE


class PostgresTransaction:
    """A transaction in progress. Satisfies `trio_chat.store.sql.batch.Transaction`.

    Args:
        pipeline: The pipeline of the transaction.
        identity: The history that this process knows.
        known: The heads that this process knows.
    """

    def __init__(
        self, pipeline: "_Pipeline", identity: Identity, known: Mapping[str, "_Head"]
    ) -> None:
        self._pipeline = pipeline
        self._identity = identity
        self._known = known
        self.heads: dict[str, _Head] = {}
        """The heads that the transaction wrote."""
        self._written: _Cursor | None = None
        """The cursor of the last `sql.WRITE`."""
        self.depends_on_write = False
        """Whether to roll other statements back if `sql.WRITE` wrote nothing."""

    def check(self) -> None:
        """Look for the anchor."""
        found = self._pipeline.execute(sql.CHECK, self._identity.wanted())
        self._pipeline.sync()
        self._identity.verify(*found.fetchall()[0])

    def look_up(self, drafts: Sequence[Draft], keys: Sequence[bytes]) -> Batch:
        """Lock the rooms, then read the rest; read nothing if memory has it all."""
        execute = self._pipeline.execute
        names = sorted({draft.room for draft in drafts})
        if self._knows_enough(names, drafts):
            heads = {name: self._known[name][0] for name in names}
            times = {name: self._known[name][1] for name in names}
            self._expect(heads, keys)
            return Batch(heads, times, {}, {}, ())
        wanted = {draft.target for draft in drafts if draft.target is not None}
        locked = execute(sql.LOCK_HEADS, {"names": _array(names), **self._identity.wanted()})
        done = execute(sql.DONE, {"keys": _array(keys)}) if keys else None
        messages = execute(sql.MESSAGES, {"ids": _array(wanted)}) if wanted else None
        self._pipeline.sync()
        rows = locked.fetchall()
        if rows:
            self._identity.verify(*rows[0][3:])
        heads = {room: head for room, head, *_ in rows}
        if len(heads) < len(names):
            raise _RoomsMissing([name for name in names if name not in heads])
        times = {room: ts for room, _, ts, *_ in rows}
        self._expect(heads, ())
        batch = Batch(heads, times, {}, _messages(messages), wanted)
        batch.done, batch.void = _done(done)
        return batch

    def _knows_enough(self, names: Sequence[str], drafts: Sequence[Draft]) -> bool:
        """Return whether a batch needs no look-up: `sql.WRITE` verifies its assumptions.

        On a lost connection such a batch fails, since its outcome is unknown. A failed look-up
        would be repeated.
        """
        return (
            self._known.keys() >= set(names)
            and not any(draft.target is not None or draft.ends is not None for draft in drafts)
            and self._pipeline.is_quiet()
        )

    def _expect(self, heads: Mapping[str, int], new_refs: Iterable[bytes]) -> None:
        """Set the conditions of `sql.WRITE`: these heads, and none of these refs.

        Args:
            heads: The heads, in order of room names.
            new_refs: The keys of refs without a look-up.
        """
        self._expected = {
            "rooms": _array(heads),
            "heads": _array(heads.values()),
            "new_refs": _array(new_refs),
        }

    def write(self, batch: Batch) -> None:
        """Send the rows; `check_written` reads the answer."""
        execute = self._pipeline.execute
        if batch.void or batch.blanks or batch.shown:
            self.depends_on_write = True
        if batch.void:
            execute(sql.VOID_REFS, {"keys": _array(sorted(batch.void))})
        rows = [
            (
                new.room,
                new.seq,
                new.id,
                new.kind.value,
                new.username,
                new.ts,
                new.author,
                new.device,
                new.target,
                new.text_at,
                batch.texts.get((new.room, new.at)),
                new.ref,
                new.fingerprint,
            )
            for new in batch.events
        ]
        self._written = execute(
            sql.WRITE, _columns(sql.WRITTEN, rows) | self._expected | self._identity.expected()
        )
        for (room, seq), size in batch.blanks.items():
            execute(sql.BLANK_TEXT, {"in_room": room, "at": seq, "blanks": " " * size})
        for (room, seq), text_seq in batch.shown.items():
            execute(sql.SHOW_TEXT, {"in_room": room, "at": seq, "shown": text_seq})
        for room, head in batch.heads.items():
            self.heads[room] = head, batch.times[room]

    def check_written(self) -> None:
        """Check, after a `sync`, that the last `write` wrote its rows.

        Raises:
            BeginAgain: It wrote nothing: the database differs from the assumptions.
        """
        if self._written is not None and not self._written.rowcount:
            raise BeginAgain

    def mark(self, marks: Sequence[ReadMarker]) -> Collection[tuple[str, str]]:
        """Write the markers in one statement."""
        rows = [(mark.room, mark.user, mark.seq) for mark in marks]
        grown = self._pipeline.execute(sql.WRITE_MARKS, _columns(sql.WRITTEN_MARKS, rows))
        self._pipeline.sync()
        self.check_written()
        return [(room, reader) for room, reader in grown]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run the block within a savepoint."""
        self._pipeline.execute("SAVEPOINT one")
        is_whole = False
        try:
            with _translated():
                yield
                self._pipeline.sync()
                self.check_written()
                is_whole = True
        finally:
            self._written = None
            if not is_whole:
                self._pipeline.execute("ROLLBACK TO one")
            self._pipeline.execute("RELEASE one")


class _Pipeline:
    """A connection in the driver's pipeline mode.

    Args:
        driver: The connection.
        pipeline: Its pipeline.
    """

    def __init__(self, driver: psycopg.Connection[Any], pipeline: psycopg.Pipeline) -> None:
        self._driver = driver
        self._pipeline = pipeline
        self.may_repeat = True
        """Whether a batch on a lost connection is certainly neither committed nor reported."""

    def execute(
        self, statement: bytes | str, parameters: Mapping[str, Any] | None = None
    ) -> _Cursor:
        """Send a statement; the returned cursor has the answer after `sync`."""
        cursor = self._driver.cursor()
        return cursor.execute(
            statement.encode() if isinstance(statement, str) else statement, parameters
        )

    def sync(self) -> None:
        """Wait for the answers to all sent statements; raises the first failure."""
        self._pipeline.sync()
        self.may_repeat = False

    def commit(self) -> None:
        """Send the commit; the end of the pipeline waits for its answer."""
        self.may_repeat = False
        self.execute("COMMIT")

    def is_quiet(self) -> bool:
        """Return whether no bytes have arrived, such as the end of the connection."""
        poll = select.poll()
        poll.register(self._driver.fileno(), select.POLLIN)
        return not poll.poll(0)


@contextmanager
def _pipeline(engine: Engine) -> Iterator[_Pipeline]:
    """Begin a transaction on the connection that appends; roll it back unless it commits.

    Raises:
        BeginAgain: The connection was lost before any answer, and before the commit was sent. The
            next attempt uses a new connection.
    """
    checked_out = engine.raw_connection()
    try:
        driver = checked_out.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - that is its engine
        with driver.pipeline() as pipeline:
            opened = _Pipeline(driver, pipeline)
            try:
                opened.execute(BEGIN)
                yield opened
            except psycopg.OperationalError as error:
                if driver.closed and opened.may_repeat and not isinstance(error, NoAnswer):
                    raise BeginAgain from error
                raise
    finally:
        checked_out.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Raise exceptions of the driver as SQLAlchemy does, and a duplicate ref as `BeginAgain`.

    The second of two processes that write the same ref at once violates its key.
    """
    try:
        yield
    except psycopg.Error as error:
        if error.diag.constraint_name == sql.REF_KEY:
            raise BeginAgain from error
        raise exc.DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True
        ) from error


def _columns(names: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, str]:
    """Return the columns of rows as array parameters of a statement."""
    columns = zip(*rows, strict=True)
    return {name: _array(column) for name, column in zip(names, columns, strict=True)}


def _array(values: Iterable[object]) -> str:
    """Return the text of an array.

    The driver needs several times as long. It would also give an array of numbers the smallest
    type that fits, and the server would plan the statement for each type.
    """
    return f"{{{','.join(map(_item, values))}}}"


def _item(value: object) -> str:
    if type(value) is str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if type(value) is bytes:
        return rf'"\\x{value.hex()}"'
    return "NULL" if value is None else str(value)


def _done(found: _Cursor | None) -> tuple[dict[bytes, Done], set[bytes]]:
    """Return the completed requests, and the keys of expired ones."""
    done: dict[bytes, Done] = {}
    void: set[bytes] = set()
    for key, *values in found or ():
        one = done_of(tuple(values))
        if one.age_ms < REFS_MS:
            done[key] = one
        else:
            void.add(key)
    return done, void


def _messages(found: _Cursor | None) -> dict[str, Message]:
    return {id_: message_of(rest) for id_, kind, *rest in found or () if kind == Kind.MESSAGE}

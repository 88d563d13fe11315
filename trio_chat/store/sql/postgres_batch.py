"""What a batch looks up and writes in PostgreSQL, where several processes may append at once.

All processes take locks in one order: rooms by name, refs by key, marks by room and user. So
one process waits for another, never both at once.

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

from trio_chat.protocol.events import Draft, Kind
from trio_chat.store.base import Commit, ReadMarker
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

# A transaction of some milliseconds, so that appends come in between.
_REFS_AT_ONCE: Final = 1000

_MOST_ROOMS: int = 10_000
"""The heads of so many rooms are kept: some megabytes."""

_Cursor = psycopg.Cursor[tuple[Any, ...]]


_Head = tuple[int, int]
"""The ``seq`` and the ``ts`` of the newest event of a room."""


class _RoomsMissing(Exception):  # noqa: N818 - an outcome, dealt with in this file
    """Some rooms have no row yet.

    They need a transaction of their own: in this one their locks would come after others, out of
    order.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(rooms)
        self.rooms = rooms


class PostgresBatches:
    """Does batches, each in a transaction.

    Args:
        engine: Of the connection that appends.
        identity: The history that this process knows.
        exclusive: Whether no other process appends. Otherwise the heads in memory would often be
            out of date, and to find that out costs more than to look them up.
    """

    def __init__(self, engine: Engine, identity: Identity, *, exclusive: bool) -> None:
        self._engine = engine
        self._identity = identity
        self._exclusive = exclusive
        self._heads: dict[str, _Head] = {}

    def transact(self, work: Work, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        """Satisfies `trio_chat.store.sql.batch.Transact`."""
        heads, self._heads = self._heads, {}  # after a failure nothing is known
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
                self._heads = heads  # what it expected of other rooms may well be right
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
    """Delete some of the refs that have expired; returns whether there may be more."""
    return connection.execute(sql.FORGET_REFS, {"most": _REFS_AT_ONCE}).rowcount == _REFS_AT_ONCE


class PostgresTransaction:
    """Satisfies `trio_chat.store.sql.batch.Transaction`.

    Args:
        pipeline: Of a transaction that has begun.
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
        """The heads that the transaction has written."""
        self._written: _Cursor | None = None
        """Of the last `sql.WRITE`."""
        self.depends_on_write = False
        """Whether other statements must not be committed if `sql.WRITE` has written nothing."""

    def check(self) -> None:
        """Look for the anchor."""
        found = self._pipeline.execute(sql.CHECK, self._identity.wanted())
        self._pipeline.sync()
        self._identity.verify(*found.fetchall()[0])

    def look_up(self, drafts: Sequence[Draft], keys: Sequence[bytes]) -> Batch:
        """Lock the rooms, then read all else that these drafts need, unless memory has it."""
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
        """Whether a batch needs no look-up: `sql.WRITE` verifies all that it assumes.

        A connection that was lost meanwhile would fail such a batch, as nobody knows then whether
        it was committed. A look-up that fails is repeated.
        """
        return (
            self._known.keys() >= set(names)
            and not any(draft.target is not None or draft.ends is not None for draft in drafts)
            and self._pipeline.is_quiet()
        )

    def _expect(self, heads: Mapping[str, int], new_refs: Iterable[bytes]) -> None:
        """Let `sql.WRITE` write nothing unless rooms have these heads, and no ref is one of these.

        Args:
            heads: In the order of their rooms' names.
            new_refs: The keys of those that were not looked up.
        """
        self._expected = {
            "rooms": _array(heads),
            "heads": _array(heads.values()),
            "new_refs": _array(new_refs),
        }

    def write(self, batch: Batch) -> None:
        """Send everything; `check_written` reads the answer."""
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
        """Check that the last `write` has written; to be called behind a `sync`.

        Raises:
            BeginAgain: It has written nothing: the database holds something else than expected.
        """
        if self._written is not None and not self._written.rowcount:
            raise BeginAgain

    def mark(self, marks: Sequence[ReadMarker]) -> Collection[tuple[str, str]]:
        """Write the marks in one statement."""
        rows = [(mark.room, mark.user, mark.seq) for mark in marks]
        grown = self._pipeline.execute(sql.WRITE_MARKS, _columns(sql.WRITTEN_MARKS, rows))
        self._pipeline.sync()
        self.check_written()
        return [(room, reader) for room, reader in grown]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a savepoint."""
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
        """Whether a batch whose connection is lost is certainly not committed, nor told of."""

    def execute(
        self, statement: bytes | str, parameters: Mapping[str, Any] | None = None
    ) -> _Cursor:
        """Send a statement. The cursor that this returns has the answer after `sync`."""
        cursor = self._driver.cursor()
        return cursor.execute(
            statement.encode() if isinstance(statement, str) else statement, parameters
        )

    def sync(self) -> None:
        """Wait for the answers to all that was sent; raises the first failure among them."""
        self._pipeline.sync()
        self.may_repeat = False

    def commit(self) -> None:
        """Send the end of the transaction; the end of the pipeline waits for its answer."""
        self.may_repeat = False
        self.execute("COMMIT")

    def is_quiet(self) -> bool:
        """Whether the server has sent nothing by itself, such as the end of the connection."""
        poll = select.poll()
        poll.register(self._driver.fileno(), select.POLLIN)
        return not poll.poll(0)


@contextmanager
def _pipeline(engine: Engine) -> Iterator[_Pipeline]:
    """Begin a transaction on the connection that appends; roll back what is not committed.

    Raises:
        BeginAgain: The connection was lost before the server has answered, and before the end of
            the transaction was sent. The next one is new.
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
    """Raise the failures of the driver as SQLAlchemy does, and a ref that is taken as `BeginAgain`.

    The second of two processes that have the same ref at the same moment finds it taken.
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
    """Turn rows into the arrays of a statement."""
    columns = zip(*rows, strict=True)
    return {name: _array(column) for name, column in zip(names, columns, strict=True)}


def _array(values: Iterable[object]) -> str:
    """Return the text of an array.

    The driver takes several times as long for it. It would also give an array of numbers the
    smallest type that fits, and the server would plan the statement anew for each type.
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
    """Return the refs that are done, and the keys of those that have expired."""
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

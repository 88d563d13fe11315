"""What a batch looks up and writes in PostgreSQL, where several processes may append at once.

All processes take locks in one order: rooms by name, refs by key, marks by room and user. So
one process waits for another, never both at once.

The driver sends several statements before it reads the first answer (its pipeline mode). A batch
takes two round trips: begin, lock and look up; then write and commit.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, exc

from trio_chat.log.base import Commit, Mark
from trio_chat.log.sql import postgres_statements as sql
from trio_chat.log.sql.batch import (
    Batch,
    BeginAgain,
    Done,
    Message,
    Work,
    done_of,
    message_of,
)
from trio_chat.log.sql.identity import Identity
from trio_chat.log.sql.postgres import BEGIN, NoAnswer
from trio_chat.log.sql.statements import REFS_MS
from trio_chat.protocol.events import Draft, Kind

# A transaction of some milliseconds, so that appends come in between.
_REFS_AT_ONCE: Final = 1000

_Cursor = psycopg.Cursor[tuple[Any, ...]]


class _RoomsMissing(Exception):  # noqa: N818 - an outcome, dealt with in this file
    """Some rooms have no row yet.

    They need a transaction of their own: in this one their locks would come after others, out of
    order.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(rooms)
        self.rooms = rooms


@contextmanager
def begin(engine: Engine, identity: Identity) -> Iterator["PostgresTransaction"]:
    """Begin the transaction of a batch, and commit it in the end.

    Raises:
        BeginAgain: Nothing is committed, but the rooms that had no row have one.
        SQLAlchemyError: As `trio_chat.log.sql.errors` says.
    """
    try:
        with _translated(), _pipeline(engine) as pipeline:
            yield PostgresTransaction(pipeline, identity)
            pipeline.execute("COMMIT")
    except _RoomsMissing as missing:
        with engine.begin() as connection:
            rooms = [{"room": name, "head": 0} for name in missing.rooms]
            connection.execute(sql.INSERT_ROOM, rooms)
        raise BeginAgain from None


def transact(
    engine: Engine,
    identity: Identity,
    work: Work,
    drafts: Sequence[Draft],
    marks: Sequence[Mark],
) -> Commit:
    """Satisfies `trio_chat.log.sql.batch.Transact`, with the first two arguments given."""
    with begin(engine, identity) as transaction:
        return work(transaction, drafts, marks)


def forget_refs(connection: Connection) -> bool:
    """Delete some of the refs that have expired; returns whether there may be more."""
    return connection.execute(sql.FORGET_REFS, {"most": _REFS_AT_ONCE}).rowcount == _REFS_AT_ONCE


class PostgresTransaction:
    """Satisfies `trio_chat.log.sql.batch.Transaction`.

    Args:
        pipeline: Of a transaction that has begun.
        identity: The history that this process knows.
    """

    def __init__(self, pipeline: "_Pipeline", identity: Identity) -> None:
        self._pipeline = pipeline
        self._identity = identity

    def check(self) -> None:
        """Look for the anchor."""
        found = self._pipeline.execute(sql.CHECK, self._identity.wanted())
        self._pipeline.sync()
        self._identity.verify(*found.fetchall()[0])

    def look_up(self, drafts: Sequence[Draft], keys: Sequence[bytes]) -> Batch:
        """Lock the rooms, then read all else that these drafts need."""
        execute = self._pipeline.execute
        names = sorted({draft.room for draft in drafts})
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
        batch = Batch(heads, times, {}, _messages(messages), wanted)
        batch.done, batch.void = _done(done)
        return batch

    def write(self, batch: Batch) -> None:
        """Send everything; `begin` reads the answers when it commits."""
        execute = self._pipeline.execute
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
        execute(sql.WRITE, _columns(sql.WRITTEN, rows))
        for (room, seq), size in batch.blanks.items():
            execute(sql.BLANK_TEXT, {"in_room": room, "at": seq, "blanks": " " * size})
        for (room, seq), text_seq in batch.shown.items():
            execute(sql.SHOW_TEXT, {"in_room": room, "at": seq, "shown": text_seq})

    def mark(self, marks: Sequence[Mark]) -> Collection[tuple[str, str]]:
        """Write the marks in one statement."""
        rows = [(mark.room, mark.user, mark.seq) for mark in marks]
        grown = self._pipeline.execute(sql.WRITE_MARKS, _columns(sql.WRITTEN_MARKS, rows))
        self._pipeline.sync()
        return [(room, reader) for room, reader in grown]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a savepoint."""
        self._pipeline.execute("SAVEPOINT one")
        try:
            with _translated():
                yield
                self._pipeline.sync()
        except BaseException:
            self._pipeline.execute("ROLLBACK TO one")
            raise
        finally:
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
        self.has_answered = False
        """Whether the server has answered since the transaction began."""

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
        self.has_answered = True


@contextmanager
def _pipeline(engine: Engine) -> Iterator[_Pipeline]:
    """Begin a transaction on the connection that appends; roll back what is not committed.

    Raises:
        BeginAgain: The connection was lost before the server has answered. The next one is new.
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
                if driver.closed and not opened.has_answered and not isinstance(error, NoAnswer):
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

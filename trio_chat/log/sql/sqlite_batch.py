"""What a batch looks up and writes in SQLite, with the driver's cursor.

One connection writes all batches. What it wrote last is kept in memory, so a batch reads the head
of a room once. Within each transaction, `PRAGMA data_version` shows whether another connection has
committed meanwhile; then the heads are read anew.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import define, field
from sqlalchemy import Engine

from trio_chat.log.base import Mark
from trio_chat.log.sql import sqlite_statements as sql
from trio_chat.log.sql.batch import (
    Batch,
    Message,
    NewEvent,
    done_of,
    message_of,
    ref_keys,
)
from trio_chat.log.sql.compiled import filled_up, in_sizes
from trio_chat.log.sql.identity import Identity
from trio_chat.log.sql.refclock import RefClock
from trio_chat.log.sql.rows import MAX_SEQ, damaged, is_ts
from trio_chat.log.sql.statements import REFS_MS
from trio_chat.protocol.events import Draft, Kind

_MOST_ROOMS: int = 10_000
"""The heads of so many rooms are kept: some megabytes."""


@define
class Heads:
    """What one connection has found and written, as of its last commit.

    Attributes:
        version: Of the data, as SQLite counts the commits of other connections; None if unknown.
        rooms: The head of each room, and the time of its newest event.
        last_row: The number of the newest row in the file.
    """

    version: int | None = None
    rooms: dict[str, tuple[int, int]] = field(factory=dict)
    last_row: int = 0


class SqliteBatches:
    """Begins the transactions of batches, on a connection that nothing else uses.

    To check a connection out for each of them would cost a fifth of a commit.

    Args:
        engine: Gives the connection.
        identity: The history that this process knows.
        clock: The clock of refs.
    """

    def __init__(self, engine: Engine, identity: Identity, clock: RefClock) -> None:
        self._checked_out = engine.raw_connection()
        driver = self._checked_out.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - that is its engine
        self._driver = driver
        self._in_use = threading.Lock()
        self._heads = Heads()
        self._identity = identity
        self._clock = clock

    def close(self) -> None:
        """Give the connection back, unless a cancelled call still uses it in its thread."""
        if self._in_use.acquire(blocking=False):
            self._checked_out.close()

    @contextmanager
    def begin(self) -> Iterator["SqliteTransaction"]:
        """Begin a transaction, and commit it in the end.

        Raises:
            sqlite3.Error: As `trio_chat.log.sql.errors` says.
        """
        with self._in_use:
            cursor = self._driver.cursor()
            if self._driver.in_transaction:
                cursor.execute("ROLLBACK")  # the last one failed, say for a fault of the disk
            cursor.execute(sql.BEGIN)
            try:
                transaction = SqliteTransaction(cursor, self._heads, self._identity, self._clock)
                yield transaction
                cursor.execute("COMMIT")
            except BaseException:
                self._heads.version = None
                if self._driver.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            transaction.keep()


class SqliteTransaction:
    """Satisfies `trio_chat.log.sql.batch.Transaction`.

    Args:
        cursor: Of a transaction that has begun.
        heads: What its connection knows.
        identity: The history that this process knows.
        clock: The clock of refs.
    """

    def __init__(
        self, cursor: sqlite3.Cursor, heads: Heads, identity: Identity, clock: RefClock
    ) -> None:
        self._cursor = cursor
        self._heads = heads
        self._identity = identity
        self._clock = clock
        self._written: dict[str, tuple[int, int]] = {}
        (version,) = cursor.execute(sql.DATA_VERSION).fetchone()
        if version != heads.version or len(heads.rooms) > _MOST_ROOMS:
            heads.rooms.clear()
            rows = cursor.execute(sql.LAST_ROW).fetchone()
            heads.last_row = max(row or 0 for row in rows)
            heads.version = version
        self._last_row = heads.last_row

    def check(self) -> None:
        """Look for the anchor."""
        row = self._cursor.execute(sql.CHECK, self._identity.place()).fetchone()
        self._identity.verify(*(row or (None, None)))

    def look_up(self, drafts: Sequence[Draft]) -> Batch:
        """Read what is not known yet."""
        self.check()
        heads: dict[str, int] = {}
        times: dict[str, int] = {}
        for room in {draft.room for draft in drafts}:
            heads[room], times[room] = (
                self._written.get(room) or self._heads.rooms.get(room) or self._head(room)
            )
        wanted = {draft.target for draft in drafts if draft.target is not None}
        batch = Batch(heads, times, {}, self._messages(wanted), wanted, self._last_row)
        self._find_done(batch, ref_keys(drafts))
        return batch

    def write(self, batch: Batch) -> None:
        """Write events and texts to the end of their tables."""
        cursor = self._cursor
        if batch.void:
            cursor.executemany(sql.VOID_REF, [(key,) for key in batch.void])
        now_ms = self._clock.now_ms()
        _insert(cursor, sql.INSERT_EVENTS, [_row(new, now_ms) for new in batch.events])
        if batch.blanks:
            blanks = [(" " * size, n) for (_, n), size in batch.blanks.items()]
            cursor.executemany(sql.BLANK_TEXT, blanks)
        if batch.texts:
            _insert(cursor, sql.INSERT_TEXTS, [(n, text) for (_, n), text in batch.texts.items()])
        if batch.shown:
            cursor.executemany(sql.SHOW_TEXT, [(text, n) for (_, n), text in batch.shown.items()])
        for room, head in batch.heads.items():
            self._written[room] = head, batch.times[room]
        assert batch.last_row is not None  # noqa: S101 - see look_up
        self._last_row = batch.last_row

    def mark(self, marks: Sequence[Mark]) -> Collection[tuple[str, str]]:
        """Write each mark."""
        grown: list[tuple[str, str]] = []
        for mark in marks:
            grown += self._cursor.execute(sql.INSERT_MARK, (mark.room, mark.user, mark.seq))
        return grown

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a savepoint."""
        self._cursor.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            self._cursor.execute("ROLLBACK TO one")
            raise
        finally:
            self._cursor.execute("RELEASE one")

    def keep(self) -> None:
        """Keep what is known, now that it is committed."""
        self._heads.rooms |= self._written
        self._heads.last_row = self._last_row

    def _head(self, room: str) -> tuple[int, int]:
        head, ts = self._cursor.execute(sql.HEAD, (room, room, room)).fetchone()
        if type(head) is not int or not 0 <= head < MAX_SEQ:
            raise damaged("the head of a room", room)
        found = self._heads.rooms[room] = head, ts if is_ts(ts) else 0
        return found

    def _find_done(self, batch: Batch, keys: Sequence[bytes]) -> None:
        now_ms = self._clock.now_ms()
        for some in filled_up(keys):
            for key, print_, id_, seq, ms in self._cursor.execute(sql.DONE[len(some)], some):
                done = done_of((print_, id_, seq, now_ms - ms if type(ms) is int else None))
                if done.age_ms < REFS_MS:
                    batch.done[key] = done
                else:
                    batch.void.add(key)

    def _messages(self, ids: Collection[str]) -> dict[str, Message]:
        found: dict[str, Message] = {}
        for some in filled_up([*ids]):
            for id_, kind, *rest in self._cursor.execute(sql.MESSAGES[len(some)], some):
                if kind == Kind.MESSAGE:
                    found[id_] = message_of(rest)
        return found


def _insert(
    cursor: sqlite3.Cursor, statements: Mapping[int, str], rows: Sequence[Sequence[object]]
) -> None:
    for some in in_sizes(rows):
        cursor.execute(statements[len(some)], [value for row in some for value in row])


def _row(new: NewEvent, now_ms: int) -> tuple[object, ...]:
    return (
        new.at,
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
        new.ref,
        new.fingerprint,
        None if new.ref is None else now_ms,
    )

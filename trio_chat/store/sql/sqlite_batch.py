"""Looks up and writes batches in SQLite, with the driver's cursor.

One connection writes all batches and keeps the heads in memory, so it reads the head of a room
once. In each transaction, `PRAGMA data_version` shows whether another connection has committed;
then the batch reads the heads again.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine

from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft, Kind
from trio_chat.store.base import Commit
from trio_chat.store.sql import sqlite_statements as sql
from trio_chat.store.sql.batch import (
    Batch,
    Message,
    NewEvent,
    Work,
    done_of,
    message_of,
)
from trio_chat.store.sql.compiled import filled_up, in_sizes
from trio_chat.store.sql.identity import Identity
from trio_chat.store.sql.refclock import RefClock
from trio_chat.store.sql.rows import MAX_SEQ, damaged, is_ts
from trio_chat.store.sql.statements import REFS_MS

_MOST_ROOMS: int = 10_000
"""Maximum heads in memory: some megabytes."""


class SqliteBatches:
    """Commits batches, each in a transaction, on a connection of its own.

    A checkout for each batch would cost a fifth of a commit. Within `transact` it satisfies
    `trio_chat.store.sql.batch.Transaction`.

    Args:
        engine: Provides the connection.
        identity: The history that this process knows.
        clock: The clock of refs.
    """

    def __init__(self, engine: Engine, identity: Identity, clock: RefClock) -> None:
        self._checked_out = engine.raw_connection()
        driver = self._checked_out.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - that is its engine
        self._driver = driver
        self._cursor = driver.cursor()
        self._in_use = threading.Lock()
        self._identity = identity
        self._clock = clock
        self._version: int | None = None
        """SQLite's count of commits of other connections; None if unknown."""
        self._heads: dict[str, tuple[int, int]] = {}
        """Head and time of the newest event of each room, at that version."""
        self._last_row = 0
        """The number of the newest row in the file, at that version."""

    def close(self) -> None:
        """Return the connection to its pool, unless a cancelled call still uses it."""
        if self._in_use.acquire(blocking=False):
            self._checked_out.close()

    def transact(self, work: Work, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        """Commit a batch in a transaction.

        Raises:
            sqlite3.Error: As `trio_chat.store.sql.errors` says.
        """
        with self._in_use:
            driver = self._driver
            cursor = self._cursor = driver.cursor()
            if driver.in_transaction:
                cursor.execute("ROLLBACK")  # the last one failed, for example on a disk error
            cursor.execute(sql.BEGIN)
            version = None
            try:
                done = work(self, drafts, marks)
                cursor.execute("COMMIT")
                version = self._version
            finally:
                # After a failure the state in memory may never have been committed.
                self._version = version
                if driver.in_transaction:
                    cursor.execute("ROLLBACK")
            return done

    def check(self) -> None:
        """Look for the anchor and discard the heads, if another connection has committed.

        Otherwise the anchor is in place since the last commit of this connection.
        `trio_chat.store.sql.file` makes sure that the file is the same.
        """
        cursor = self._cursor
        (version,) = cursor.execute(sql.DATA_VERSION).fetchone()
        if version == self._version:
            return
        row = cursor.execute(sql.CHECK, self._identity.place()).fetchone()
        self._identity.verify(*(row or (None, None)))
        self._heads.clear()
        self._last_row = max(row or 0 for row in cursor.execute(sql.LAST_ROW).fetchone())
        self._version = version

    def look_up(self, drafts: Sequence[Draft], keys: Sequence[bytes]) -> Batch:
        """Read the state that is not in memory."""
        self.check()
        known = self._heads
        if len(known) > _MOST_ROOMS:
            known.clear()
        heads: dict[str, int] = {}
        times: dict[str, int] = {}
        for draft in drafts:
            room = draft.room
            if room not in heads:
                heads[room], times[room] = known.get(room) or self._head(room)
        wanted = {draft.target for draft in drafts if draft.target is not None}
        messages = self._messages(wanted) if wanted else {}
        batch = Batch(heads, times, {}, messages, wanted, self._last_row)
        if keys:
            self._find_done(batch, keys)
        return batch

    def write(self, batch: Batch) -> None:
        """Append events and texts to their tables."""
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
            self._heads[room] = head, batch.times[room]
        assert batch.last_row is not None  # noqa: S101 - see look_up
        self._last_row = batch.last_row

    def mark(self, marks: Sequence[ReadMarker]) -> Collection[tuple[str, str]]:
        """Write each marker."""
        grown: list[tuple[str, str]] = []
        for mark in marks:
            grown += self._cursor.execute(sql.INSERT_MARK, (mark.room, mark.user, mark.seq))
        return grown

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run the block within a savepoint."""
        self._cursor.execute("SAVEPOINT one")
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                self._cursor.execute("ROLLBACK TO one")
            self._cursor.execute("RELEASE one")

    def _head(self, room: str) -> tuple[int, int]:
        head, ts = self._cursor.execute(sql.HEAD, (room, room, room)).fetchone()
        if type(head) is not int or not 0 <= head < MAX_SEQ:
            raise damaged("the head of a room", room)
        found = self._heads[room] = head, ts if is_ts(ts) else 0
        return found

    def _find_done(self, batch: Batch, keys: Sequence[bytes]) -> None:
        now_ms = self._clock.now_ms()
        for some in filled_up(keys):
            # The driver looks for an adapter for bytes, but not for a bytearray.
            found = self._cursor.execute(sql.DONE[len(some)], [*map(bytearray, some)])
            for key, print_, id_, seq, ms in found:
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
        new.ref and bytearray(new.ref),
        new.fingerprint and bytearray(new.fingerprint),
        None if new.ref is None else now_ms,
    )

"""The store in a database: each call is a statement or a transaction in a thread.

One thread runs all writes, one after the other; each read runs in a thread of its own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from operator import attrgetter
from time import monotonic
from typing import Final, TypeVar, TypeVarTuple

import trio
from sqlalchemy import Connection

from trio_chat.errors import DamagedData, ErrorCode, HistoryReplaced, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import (
    Commit,
    CommitNowait,
    Outcome,
    Page,
    Refused,
    StreamPosition,
)
from trio_chat.store.sql import batch, leases, pages
from trio_chat.store.sql.damage import DamageReporter
from trio_chat.store.sql.database import Database
from trio_chat.store.sql.errors import DATA_FAULTS, FAILURES, outages, translated
from trio_chat.store.sql.quiet import QuietRooms
from trio_chat.store.sql.rows import is_epoch
from trio_chat.store.sql.size import Size
from trio_chat.store.sql.sqlite import WAL_LIMIT_BYTES, empty_write_ahead_log
from trio_chat.store.sql.statements import inserts
from trio_chat.store.sql.writer import WriterThread

# Usual reasons are a new room, and a ref that another process wrote first: once each.
_ATTEMPTS: Final = 5

CHECK_HOLDS_SECONDS: float = 0.02
"""For this long after a check of the file, the next commit skips the check before it. The check
after the commit decides; the one before only protects a file that was moved earlier."""

_TARGET: Final = attrgetter("target")

_R = TypeVar("_R")
_Ts = TypeVarTuple("_Ts")


class SqlStore:
    """Keeps events in a database. Satisfies `trio_chat.store.base.Store`.

    `trio_chat.store.sql.opened.open_sql_store` makes one.

    A cancelled call still runs in its thread, and may commit. All calls have ended when `close`
    returns.

    Args:
        database: The open database.
        most_readers: Maximum concurrent reads.
        on_new_epoch: Receives the old and the new epoch of a replaced history, in the event loop.
    """

    def __init__(
        self, database: Database, most_readers: int, on_new_epoch: Callable[[str, str], None]
    ) -> None:
        self._writer = writer = database.writer
        self._readers = database.readers
        self._transact = database.transact
        self._measure = database.measure
        self._check_file = database.check_file
        self._checked_at = 0.0  # time of the check after the last commit; 0 if it failed
        self._identity = database.identity
        self._mark = database.mark
        self._on_new_epoch = on_new_epoch
        self._reported = database.former_epoch
        self._report_new_epoch()
        self._suspicion = trio.Event()
        self._probe_statement = inserts(writer.dialect.name).probe
        self._reads = database.reads
        self._forget_refs = database.forget_refs
        self._damage = DamageReporter()
        self._thread = WriterThread()
        self._reading = trio.CapacityLimiter(most_readers)
        self._quiet = QuietRooms(database.quiet, self._with_reader, self._with_writer)
        self._has_erased = True  # perhaps by the last server, which may not have pruned

    @property
    def epoch(self) -> str:
        """Return the epoch of the present history."""
        return self._identity.epoch

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """Return None: a commit waits for the disk."""
        return None

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch in one transaction."""
        if any(map(_TARGET, drafts)):
            self._has_erased = True
        try:
            return await self._thread.call(
                self._append, drafts, marks, self._identity.epoch, is_limited=True
            )
        finally:
            if self._reported != self._identity.epoch:
                self._report_new_epoch()

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read the newest events below a bound."""
        return await self._page(pages.before, room, before, limit)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read the oldest events above a bound."""
        return await self._page(pages.after, room, after, limit)

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Return the heads of some rooms; all rooms have the same epoch."""
        epoch, heads = await self._read_in_thread(self._heads, rooms)
        self._compare(epoch)
        if not is_epoch(epoch):
            raise HistoryReplaced("the epoch in the database is damaged")
        self._quiet.open.update(rooms)
        return {room: StreamPosition(epoch, heads.get(room, 0)) for room in rooms}

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Return the read markers of some users."""
        return await self._read_in_thread(self._marks, room, users)

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Return all read markers of a room."""
        return await self._read_in_thread(self._all_marks, room, most)

    async def forget(self, room: str) -> None:
        """Note that a room is no longer open, so that it may be pruned if it is quiet."""
        self._quiet.open.discard(room)

    async def take_new_epoch(self, known: str) -> str:
        """Give the history a new epoch, if its epoch is still ``known``."""
        if self.epoch == known:
            await self._write_in_thread(self._take_new_epoch, known)
        return self.epoch

    async def suspicion(self) -> None:
        """Wait until a read returns another epoch, which calls for a check."""
        await self._suspicion.wait()
        self._suspicion = trio.Event()

    async def limit_calls(self) -> None:
        """Abandon appends that take too long, until cancelled."""
        await self._thread.limit_calls()

    async def save_mark(self) -> None:
        """Write the high-water mark beside the file; call this once a second."""
        if self._mark is not None and not self._mark.is_saved(self._identity):
            await trio.to_thread.run_sync(self._mark.save, self._identity, abandon_on_cancel=True)

    async def prune(self) -> None:
        """Delete refs older than 24 hours, and erased texts in the write-ahead log of SQLite.

        Call this periodically. After a cancellation, the next call does the rest.

        Raises:
            Outage: The store is unreachable.
        """
        while await self._with_writer(self._forget_refs):
            pass
        if self._writer.dialect.name != "sqlite":
            return
        if self._has_erased:
            self._has_erased = False
            self._has_erased = not await self._write_in_thread(self._empty_write_ahead_log)

    async def prune_quiet_rooms(self, now_ms: int) -> None:
        """Delete old notices in closed rooms that hold only notices, as `prune` does."""
        await self.check()  # it moves the anchor to an event that stays
        await self._quiet.prune(now_ms)

    async def check(self) -> None:
        """Check that the database is still the opened one, and holds the same history.

        Call this periodically. Another history gets a new epoch.

        Raises:
            Outage: The database is another one, or unreachable.
        """
        await self._write_in_thread(self._check)

    async def measure(self) -> Size:
        """Return the size of the database, and empty a write-ahead log above its limit.

        Raises:
            Outage: The store is unreachable.
        """
        size = await self._read_in_thread(self._measure)
        if size.wal_bytes > WAL_LIMIT_BYTES:
            await self._write_in_thread(self._empty_write_ahead_log)
        return size

    async def probe(self) -> None:
        """Write an invisible marker.

        Raises:
            Outage: The store cannot be written.
        """
        await self._write_in_thread(self._probe)

    async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        """Renew the lease of a node. Satisfies `trio_chat.store.registry.NodeRegistry`."""
        return await self._with_writer(partial(leases.renew, node, seconds))

    async def end_lease(self, node: str) -> None:
        """Delete the lease of a node."""
        await self._with_writer(partial(leases.end, node))

    async def close(self) -> None:
        """Wait for all calls, cancelled ones included, and refuse further calls.

        After a cancellation the store is unusable.
        """
        await self._thread.close()
        # Each running thread holds a token.
        for _ in range(int(self._reading.total_tokens)):
            await self._reading.acquire_on_behalf_of(object())

    # --- in the event loop -----------------------------------------------------------------------

    async def _write_in_thread(self, call: Callable[[*_Ts], _R], *args: *_Ts) -> _R:
        try:
            return await self._thread.call(call, *args)
        finally:
            if self._reported != self._identity.epoch:
                self._report_new_epoch()

    def _report_new_epoch(self) -> None:
        old, self._reported = self._reported, self.epoch
        if old != self._reported:
            self._on_new_epoch(old, self._reported)

    async def _page(self, read: pages.Read, room: str, bound: int, limit: int) -> Page:
        page = await self._read_in_thread(self._read_page, read, room, bound, limit)
        if page.epoch is not None:
            self._compare(page.epoch)
            self._identity.note_read(page.epoch, page.events[-1])
        return page

    def _compare(self, epoch: object) -> None:
        if epoch != self.epoch:
            self._suspicion.set()

    async def _read_in_thread(self, call: Callable[[*_Ts], _R], *args: *_Ts) -> _R:
        return await trio.to_thread.run_sync(
            call, *args, abandon_on_cancel=True, limiter=self._reading
        )

    async def _with_reader(self, do: Callable[[Connection], _R]) -> _R:
        return await self._read_in_thread(_within, self._reading_from, do)

    async def _with_writer(self, do: Callable[[Connection], _R]) -> _R:
        return await self._write_in_thread(_within, self._writing, do)

    # --- in a thread -----------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Run a transaction, and check afterwards that the opened file has the commit."""
        self._check_file()
        with self._writer.begin() as connection:
            yield connection
        self._check_file()

    @contextmanager
    def _reading_from(self, room: str | None = None) -> Iterator[Connection]:
        self._check_file()
        try:
            with outages(), self._readers.connect() as connection:
                yield connection
        except DamagedData as damage:
            self._damage.report(str(damage), damage.room or room, damage.seq)
            raise

    def _read_page(self, read: pages.Read, room: str, bound: int, limit: int) -> Page:
        wanted = (room, bound, limit)
        with self._reading_from(room) as connection:
            return read(connection, self._reads, wanted, self._damage.report)

    def _probe(self) -> None:
        with outages():
            try:
                with self._writing() as connection:
                    self._identity.check(connection)
                    connection.execute(self._probe_statement)
            except HistoryReplaced:
                self._identity.renew(self._writing)
                raise

    def _append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker], epoch: str) -> Commit:
        if self._identity.epoch != epoch:  # another call found it while this one waited
            raise HistoryReplaced("the store holds another history than before")
        try:
            return self._append_together(drafts, marks)
        except DamagedData:
            return self._append_apart(drafts, marks)

    def _append_apart(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        """Commit each item in its own transaction, and refuse those that need damaged data.

        SQLite commits nothing in a transaction that met damage.
        """
        outcomes: list[Outcome] = []
        for draft in drafts:
            try:
                outcomes += self._append_together([draft], ()).outcomes
            except DamagedData as damage:
                self._damage.report(str(damage), damage.room or draft.room, damage.seq)
                outcomes.append(Refused(ErrorCode.INTERNAL))
        grown: list[ReadMarker] = []
        for mark in marks:
            try:
                grown += self._append_together((), [mark]).grown
            except DamagedData as damage:
                self._damage.report(str(damage), mark.room)
        return Commit(outcomes, grown)

    def _append_together(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        work = batch.commit
        for _ in range(_ATTEMPTS):
            try:
                checked_at, self._checked_at = self._checked_at, 0.0
                if monotonic() > checked_at + CHECK_HOLDS_SECONDS:
                    self._check_file()
                done = self._transact(work, drafts, marks)
                self._check_file()
                self._checked_at = monotonic()
            except HistoryReplaced:
                with outages():
                    self._identity.renew(self._writing)
                raise
            except batch.BeginAgain:
                continue
            except DATA_FAULTS:
                work = batch.commit_singly
            except FAILURES as error:
                raise translated(error) from error
            else:
                self._identity.note_committed(done.outcomes)
                return done
        raise Outage("other processes keep changing the rooms of this batch")

    def _take_new_epoch(self, known: str) -> None:
        with outages():
            if self._identity.epoch == known:
                self._identity.renew(self._writing, is_certain=True)

    def _check(self) -> None:
        with outages():
            self._identity.refresh(self._writing)

    def _heads(self, rooms: Collection[str]) -> tuple[object, Mapping[str, int]]:
        with self._reading_from() as connection:
            return pages.heads(connection, self._reads, rooms)

    def _marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        with self._reading_from(room) as connection:
            return pages.marks(connection, room, users, self._damage.report)

    def _all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        with self._reading_from(room) as connection:
            return pages.all_marks(connection, room, most, self._damage.report)

    def _empty_write_ahead_log(self) -> bool:
        with outages():
            return empty_write_ahead_log(self._readers)


def _within(
    opened: Callable[[], AbstractContextManager[Connection]], do: Callable[[Connection], _R]
) -> _R:
    with outages(), opened() as connection:
        return do(connection)

"""The log as the rest sees it: each call is a statement or a transaction in a thread.

All that write run in one thread, one after the other; each that reads has a thread for itself.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from time import monotonic
from typing import Final, TypeVar, TypeVarTuple

import trio
from sqlalchemy import Connection

from trio_chat.errors import DamagedData, ErrorCode, HistoryReplaced, Outage
from trio_chat.protocol.events import Draft
from trio_chat.store.base import (
    Commit,
    CommitNowait,
    Outcome,
    Page,
    ReadMarker,
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

# A new room, then a ref that another process was quicker with: each of them once.
_ATTEMPTS: Final = 5

CHECK_HOLDS_SECONDS: float = 0.02
"""A commit trusts for so long the check of the file behind the last commit. Only a check behind a
commit shows where it went. One in front of it only keeps it out of a file that was moved before."""

_TARGET: Final = attrgetter("target")

_R = TypeVar("_R")
_Ts = TypeVarTuple("_Ts")


class SqlStore:
    """Keeps events in a database. Satisfies `trio_chat.store.base.Store`.

    `trio_chat.store.sql.opened.open_sql_store` makes one.

    A cancelled call leaves its thread to end by itself; whether it commits is unknown then. It is
    over when `close` returns.

    Args:
        database: Where they are kept.
        most_readers: How many calls may read at the same time.
        on_new_epoch: Called in the event loop with the old epoch and the new one, when another
            history has been found.
    """

    def __init__(
        self, database: Database, most_readers: int, on_new_epoch: Callable[[str, str], None]
    ) -> None:
        self._writer = writer = database.writer
        self._readers = database.readers
        self._transact = database.transact
        self._measure = database.measure
        self._check_file = database.check_file
        self._checked_at = 0.0  # when the check behind the last commit passed; 0 if it did not
        self._identity = database.identity
        self._mark = database.mark
        self._on_new_epoch = on_new_epoch
        self._reported = database.former_epoch
        self._report_new_epoch()
        self._suspicion = trio.Event()
        self._probe_statement = inserts(writer.dialect.name).probe
        self._reads = database.reads
        self._forget_some_refs = database.forget_refs
        self._damage = DamageReporter()
        self._thread = WriterThread()
        self._reading = trio.CapacityLimiter(most_readers)
        self._quiet = QuietRooms(database.quiet, self._with_reader, self._with_writer)
        # Perhaps: the one before us may have ended before it came to that.
        self._has_erased = True

    @property
    def epoch(self) -> str:
        """The identity of the history, as the database has it."""
        return self._identity.epoch

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """None: it has to wait for the disk."""
        return None

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch, in one transaction."""
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
        """Read backwards from the newest."""
        return self._noted(await self._read_in_thread(self._page_before, room, before, limit))

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read forwards from the oldest."""
        return self._noted(await self._read_in_thread(self._page_after, room, after, limit))

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """How far these rooms have come; the epoch is the same for all rooms."""
        epoch, heads = await self._read_in_thread(self._heads, rooms)
        self._compare(epoch)
        if not is_epoch(epoch):
            raise HistoryReplaced("the epoch in the database is damaged")
        self._quiet.open.update(rooms)
        return {room: StreamPosition(epoch, heads.get(room, 0)) for room in rooms}

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Up to where these users have read."""
        return await self._read_in_thread(self._marks, room, users)

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Up to where all users have read."""
        return await self._read_in_thread(self._all_marks, room, most)

    async def forget(self, room: str) -> None:
        """The room is not open any more: it keeps its past, if that is more than notices."""
        self._quiet.open.discard(room)

    async def take_new_epoch(self, known: str) -> str:
        """Give the history another epoch, unless its epoch is not ``known`` any more."""
        if self.epoch == known:
            await self._write_in_thread(self._take_new_epoch, known)
        return self.epoch

    async def suspicion(self) -> None:
        """Wait until something was read that has another epoch: check the history soon."""
        await self._suspicion.wait()
        self._suspicion = trio.Event()

    async def limit_calls(self) -> None:
        """Give up appends that take too long, until cancelled."""
        await self._thread.limit_calls()

    async def save_mark(self) -> None:
        """Write the high-water mark beside the file; to be called once a second."""
        if self._mark is not None and not self._mark.is_saved(self._identity):
            await trio.to_thread.run_sync(self._mark.save, self._identity, abandon_on_cancel=True)

    async def prune(self) -> None:
        """Let go of what is not needed any more: refs of more than 24 hours, erased texts.

        To be called now and then; until it has been, an erased text may still be in the write-ahead
        log of SQLite. A cancellation leaves it half done, for the next time.

        Raises:
            Outage: The store is unreachable.
        """
        while await self._write_in_thread(self._forget_refs):
            pass
        if self._writer.dialect.name != "sqlite":
            return
        if self._has_erased:
            self._has_erased = False
            self._has_erased = not await self._write_in_thread(self._empty_write_ahead_log)

    async def prune_quiet_rooms(self, now_ms: int) -> None:
        """Let go of old notices in rooms that hold nothing else, and are not open here.

        As for `prune`, a cancellation leaves it half done.
        """
        await self.check()  # so that the event it looks for is none of those that go
        await self._quiet.prune(now_ms)

    async def check(self) -> None:
        """Check that the database is still the opened one, and holds the same history.

        To be called now and then: nobody appends to a server where nobody writes. Another history
        gets a new epoch.

        Raises:
            Outage: It is another database, or out of reach.
        """
        await self._write_in_thread(self._check)

    async def measure(self) -> Size:
        """Say how large the database is; and empty a write-ahead log that has outgrown its limit.

        A busy database empties it by itself. A quiet one would keep for ever what a long reading
        has made of it.

        Raises:
            Outage: The store is unreachable.
        """
        size = await self._read_in_thread(self._measure)
        if size.wal_bytes > WAL_LIMIT_BYTES:
            await self._write_in_thread(self._empty_write_ahead_log)
        return size

    async def probe(self) -> None:
        """Write something that nobody sees, whatever the clock says.

        Raises:
            Outage: The log cannot be written.
        """
        await self._write_in_thread(self._probe)

    async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        """Register a node, as `trio_chat.store.registry.NodeRegistry` has it."""
        return await self._write_in_thread(self._renew_lease, node, seconds)

    async def end_lease(self, node: str) -> None:
        """Remove a node from the registry."""
        await self._write_in_thread(self._end_lease, node)

    async def close(self) -> None:
        """Wait until no call is under way, also none that was cancelled; none can be made after it.

        A cancellation leaves it half done: the store is of no use any more.
        """
        await self._thread.close()
        # A thread has its token for as long as it runs. They are not given back.
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

    def _noted(self, page: Page) -> Page:
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
        """A transaction. After it, the file at the path has the commit, or it raises."""
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

    def _read_page(self, read: Callable[..., Page], room: str, bound: int, limit: int) -> Page:
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
        if self._identity.epoch != epoch:  # it was found out while this call waited for its turn
            raise HistoryReplaced("the store holds another history than before")
        try:
            return self._append_together(drafts, marks)
        except DamagedData:
            return self._append_apart(drafts, marks)

    def _append_apart(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> Commit:
        """Refuse only what needs the damaged data. Each has a transaction of its own.

        SQLite commits nothing in a transaction that has met damage.
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
        raise Outage("others keep changing what this batch is about")

    def _renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        with outages(), self._writing() as connection:
            return leases.renew(connection, node, seconds)

    def _end_lease(self, node: str) -> None:
        with outages(), self._writing() as connection:
            leases.end(connection, node)

    def _page_before(self, room: str, before: int, limit: int) -> Page:
        return self._read_page(pages.before, room, before, limit)

    def _page_after(self, room: str, after: int, limit: int) -> Page:
        return self._read_page(pages.after, room, after, limit)

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

    def _forget_refs(self) -> bool:
        with outages(), self._writing() as connection:
            return self._forget_some_refs(connection)

    def _empty_write_ahead_log(self) -> bool:
        with outages():
            return empty_write_ahead_log(self._readers)


def _within(
    opened: Callable[[], AbstractContextManager[Connection]], do: Callable[[Connection], _R]
) -> _R:
    with outages(), opened() as connection:
        return do(connection)

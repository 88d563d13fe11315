"""The log as the rest sees it: each call is a statement or a transaction in a thread of its own."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar, TypeVarTuple

import trio
from sqlalchemy import Connection, Engine

from trio_chat.errors import Outage
from trio_chat.log.base import AppendNow, Commit, Mark, Page, Stand
from trio_chat.log.sql import batch, pages
from trio_chat.log.sql import statements as sql
from trio_chat.log.sql.errors import DATA_FAULTS, outages
from trio_chat.log.sql.sqlite import empty_write_ahead_log
from trio_chat.protocol.events import Draft

# A new room, then a ref that another process was quicker with: each of them once. More in a row is
# no coincidence.
_ATTEMPTS: Final = 5

# A transaction of some milliseconds, so that appends come in between.
_PRUNED_AT_ONCE: Final = 1000

_R = TypeVar("_R")
_Ts = TypeVarTuple("_Ts")


class SqlLog:
    """Keeps events in a database. Satisfies `trio_chat.log.base.Log`.

    `trio_chat.log.sql.opened.open_sql_log` makes one.

    A cancelled call leaves its thread to end by itself; whether it commits is unknown then. It is
    over when `calls_ended` returns.

    Args:
        writer: Has the one connection that appends.
        readers: Has those that read.
        epoch: The life of the log, as the database has it.
        most_readers: How many calls may read at the same time.
        check_file: Raises `Outage` if the database is not the opened one any more. The log calls it
            in a thread, before and after each transaction and before each reading.
    """

    def __init__(
        self,
        writer: Engine,
        readers: Engine,
        epoch: str,
        most_readers: int,
        check_file: Callable[[], None] = lambda: None,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._epoch = epoch
        self._check_file = check_file
        self._inserts = sql.inserts(writer.dialect.name)
        self._appending = trio.CapacityLimiter(1)
        self._reading = trio.CapacityLimiter(most_readers)
        # Perhaps: the one before us may have ended before it came to that.
        self._has_erased = True

    @property
    def epoch(self) -> str:
        """The identity of the history, as the database has it."""
        return self._epoch

    @property
    def append_now(self) -> AppendNow | None:
        """None: it has to wait for the disk."""
        return None

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Commit a batch, in one transaction."""
        if any(draft.target is not None for draft in drafts):
            self._has_erased = True
        return await self._append_in_thread(self._append, drafts, marks)

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read backwards from the newest."""
        return await self._read_in_thread(self._page_before, room, before, limit)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read forwards from the oldest."""
        return await self._read_in_thread(self._page_after, room, after, limit)

    async def stands(self, rooms: Collection[str]) -> Mapping[str, Stand]:
        """How far these rooms have come; the epoch is the same for all rooms, and for ever."""
        heads = await self._read_in_thread(self._heads, rooms)
        return {room: Stand(self._epoch, heads.get(room, 0)) for room in rooms}

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Up to where these users have read."""
        return await self._read_in_thread(self._marks, room, users)

    async def forget(self, room: str) -> None:
        """Nothing: a room that is empty keeps its past."""

    async def prune(self, now_ms: int) -> None:
        """Let go of what is not needed any more: refs of more than 24 hours, erased texts.

        To be called now and then; until it has been, an erased text may still be in the write-ahead
        log of SQLite. A cancellation leaves it half done, for the next time.

        Args:
            now_ms: Milliseconds since 1970 UTC.

        Raises:
            Outage: The log is out of reach.
        """
        while await self._append_in_thread(self._forget_refs, now_ms - sql.REFS_MS):
            pass
        if self._has_erased and self._writer.dialect.name == "sqlite":
            self._has_erased = False
            self._has_erased = not await self._append_in_thread(self._empty_write_ahead_log)

    async def check(self) -> None:
        """Check that the database is still the opened one.

        Raises:
            Outage: It is not.
        """
        await self._read_in_thread(self._check_file)

    async def probe(self) -> None:
        """Write something that nobody sees, whatever the clock says.

        Raises:
            Outage: The log cannot be written.
        """
        await self._append_in_thread(self._probe)

    async def calls_ended(self) -> None:
        """Wait until no call is under way, also none that was cancelled; none can be made after it.

        A cancellation leaves it half done: the log is of no use any more.
        """
        for limiter in (self._appending, self._reading):
            # A thread has its token for as long as it runs. They are not given back.
            for _ in range(int(limiter.total_tokens)):
                await limiter.acquire_on_behalf_of(object())

    # --- in the event loop -----------------------------------------------------------------------

    async def _append_in_thread(self, call: Callable[[*_Ts], _R], *args: *_Ts) -> _R:
        return await trio.to_thread.run_sync(
            call, *args, abandon_on_cancel=True, limiter=self._appending
        )

    async def _read_in_thread(self, call: Callable[[*_Ts], _R], *args: *_Ts) -> _R:
        return await trio.to_thread.run_sync(
            call, *args, abandon_on_cancel=True, limiter=self._reading
        )

    # --- in a thread -----------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction. Once it is over, what was committed is in the file that is at the path."""
        self._check_file()
        with self._writer.begin() as connection:
            yield connection
        self._check_file()

    @contextmanager
    def _reading_from(self) -> Iterator[Connection]:
        self._check_file()
        with outages(), self._readers.connect() as connection:
            yield connection

    def _probe(self) -> None:
        with outages(), self._writing() as connection:
            connection.execute(self._inserts.probe)

    def _append(self, drafts: Sequence[Draft], marks: Sequence[Mark]) -> Commit:
        commit = batch.commit
        with outages():
            for _ in range(_ATTEMPTS):
                try:
                    with self._writing() as connection:
                        return commit(connection, self._inserts, drafts, marks)
                except batch.RoomsMissing as missing:
                    self._make_rooms(missing.rooms)
                except batch.RefTaken:
                    continue
                except DATA_FAULTS:
                    commit = batch.commit_singly
        raise Outage("others keep changing what this batch is about")

    def _make_rooms(self, rooms: Sequence[str]) -> None:
        with self._writing() as connection:
            connection.execute(self._inserts.room, [{"room": room, "head": 0} for room in rooms])

    def _page_before(self, room: str, before: int, limit: int) -> Page:
        with self._reading_from() as connection:
            return pages.before(connection, room, before, limit)

    def _page_after(self, room: str, after: int, limit: int) -> Page:
        with self._reading_from() as connection:
            return pages.after(connection, room, after, limit)

    def _heads(self, rooms: Collection[str]) -> Mapping[str, int]:
        with self._reading_from() as connection:
            return pages.heads(connection, rooms)

    def _marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        with self._reading_from() as connection:
            return pages.marks(connection, room, users)

    def _forget_refs(self, expired: int) -> bool:
        """Delete some of those that are as old; whether there may be more."""
        wanted = {"expired": expired, "most": _PRUNED_AT_ONCE}
        with outages(), self._writing() as connection:
            return connection.execute(sql.FORGET_REFS, wanted).rowcount == _PRUNED_AT_ONCE

    def _empty_write_ahead_log(self) -> bool:
        with outages():
            return empty_write_ahead_log(self._readers)

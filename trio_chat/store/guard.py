"""Guards a store, so that its outage delays no caller for long: see `trio_chat.store.breaker`.

Reads and writes have a breaker each. A failed read never stops writes. A failed write makes the
next reads wait for a probe, since most outages affect both.

The time limit of a read starts when a reader of the store is free, so queued reads are no outage.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar, TypeVarTuple

import trio

from trio_chat.metrics import Metrics
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, CommitNowait, Page, Store, StreamPosition
from trio_chat.store.breaker import Breaker, in_time

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class GuardedStore:
    """A store that answers within seconds, even in an outage. Satisfies `Store`.

    `run` must run during the whole use: nothing else closes the breakers.

    Args:
        store: The guarded store. Its appends end in time by themselves, since a limit around each
            would cost more. All its other calls heed a cancellation.
        metrics: Counts outages and failures, and measures appends.
        probe: Writes something invisible to test the store; raises `Outage` if that fails.
        readers: Maximum concurrent reads of the store.
        uniform: `random.uniform`, so that servers that lost one database together return to it at
            different moments.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        *,
        probe: Callable[[], Awaitable[object]],
        readers: int,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._reads = Breaker(metrics, partial(store.positions, ()), uniform=uniform, fails="reads")
        self._writes = Breaker(
            metrics, probe, uniform=uniform, fails="writes", on_open=self._reads.suspect
        )
        self._readers = trio.CapacityLimiter(readers)

    @property
    def last_error(self) -> str | None:
        """Why the store is unreachable, in a few words for people; None while it works."""
        return self._writes.last_error or self._reads.last_error

    async def run(self) -> None:
        """Probe while a breaker is open, and close it; run until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reads.run)
            nursery.start_soon(self._writes.run)

    async def call(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Make a call that shows whether the store is writable: see `Breaker.call`."""
        return await self._writes.call(in_time, function, *arguments)

    async def _read(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        await self._reads.check()
        async with self._readers:
            return await self._reads.call(in_time, function, *arguments)

    # --- as `Store` has it ------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        """The identity of the store's present history."""
        return self._store.epoch

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """As in the guarded store: a call that never waits needs no guard."""
        return self._store.commit_nowait

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch. After an `Outage`, the outcome is unknown."""
        began = trio.current_time()
        commit = await self._writes.call(self._store.append, drafts, marks)
        self._metrics.store_append_seconds.observe(trio.current_time() - began)
        return commit

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read backwards."""
        return await self._read(self._store.read_before, room, before, limit)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read forwards."""
        return await self._read(self._store.read_after, room, after, limit)

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Return the heads of some rooms."""
        return await self._read(self._store.positions, rooms)

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Return the read markers of some users."""
        return await self._read(self._store.marks, room, users)

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Return all read markers of a room."""
        return await self._read(self._store.all_marks, room, most)

    async def take_new_epoch(self, known: str) -> str:
        """Give the present history a new epoch."""
        return await self.call(self._store.take_new_epoch, known)

    async def forget(self, room: str) -> None:
        """Drop a room. This call never waits, so it needs no guard."""
        await self._store.forget(room)

"""Keeps a store that is out of reach from holding up anybody: see `trio_chat.store.breaker`.

Reads and writes have a breaker each. A read that fails never stops writes. A write that fails lets
the next reads wait for a probe, since in most outages both fail: that saves the readers the wait.

The time of a read counts from when a reader of the store is free, so a queue of reads is no outage.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar, TypeVarTuple

import trio

from trio_chat.metrics import Metrics
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, CommitNowait, Page, ReadMarker, Store, StreamPosition
from trio_chat.store.breaker import Breaker, in_time

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class GuardedStore:
    """A log that answers within seconds, whatever becomes of it. Satisfies `Store`.

    `run` has to run as long as it is used: nothing else closes the breakers.

    Args:
        store: The log that is guarded. Its appends end in time by themselves, since a limit around
            each would cost more. All its other calls heed a cancellation.
        metrics: Outages, failures and the time of appends go here.
        probe: Does what shows that the store can be used: it writes something that nobody sees.
            Raises `Outage` if it can't be.
        readers: How many reads the store takes at the same time.
        uniform: `random.uniform`; so that servers that lost one database together don't come back
            to it together.
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
        """Why the store is unreachable, in a few words for people; None while it is well."""
        return self._writes.last_error or self._reads.last_error

    async def run(self) -> None:
        """Probe while a breaker is open, and close it, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reads.run)
            nursery.start_soon(self._writes.run)

    async def call(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Make any call that shows whether the store can be written: see `Breaker.call`."""
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
        """The identity of the guarded log's history."""
        return self._store.epoch

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """Of the guarded log: what never waits needs no guard."""
        return self._store.commit_nowait

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch. Whether it was is unknown after an `Outage`, as of any log."""
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
        """How far these rooms have come."""
        return await self._read(self._store.positions, rooms)

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Up to where these users have read."""
        return await self._read(self._store.marks, room, users)

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Up to where all users have read."""
        return await self._read(self._store.all_marks, room, most)

    async def take_new_epoch(self, known: str) -> str:
        """Declare that the history was replaced."""
        return await self.call(self._store.take_new_epoch, known)

    async def forget(self, room: str) -> None:
        """Let a room go. It never reaches for anything, so it is not guarded either."""
        await self._store.forget(room)

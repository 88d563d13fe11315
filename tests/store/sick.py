"""A store that fails or hangs on demand."""

import math
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import TypeVar

import trio

from trio_chat.errors import DamagedData, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, Page, StreamPosition
from trio_chat.store.breaker import in_time
from trio_chat.store.memory import MemoryStore

_Result = TypeVar("_Result")


class SickStore:
    """A store in memory that answers late, like a durable one. Satisfies `Store`.

    Attributes:
        fault: The reason of the `Outage` that each call raises; None for a healthy store.
        damage: The reason of the `DamagedData` that each call raises; None for sound data.
        is_silent: Whether calls hang.
        delay_seconds: The duration of each call.
        asked: The number of calls that have begun.
        waiting: The number of calls in progress.
    """

    commit_nowait = None

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.fault: str | None = None
        self.damage: str | None = None
        self.is_silent = False
        self.delay_seconds = 0.0
        self.asked = 0
        self.waiting = 0

    @property
    def epoch(self) -> str:
        """Return the epoch of the store in memory."""
        return self.kept.epoch

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Append; an append ends in time by itself."""
        return await in_time(self._answer, self.kept.append(drafts, marks))

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read from the store in memory."""
        return await self._answer(self.kept.read_before(room, before, limit))

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read from the store in memory."""
        return await self._answer(self.kept.read_after(room, after, limit))

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Return the heads of the store in memory."""
        return await self._answer(self.kept.positions(rooms))

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Return the markers of some users."""
        return await self._answer(self.kept.marks(room, users))

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Return all markers of a room."""
        return await self._answer(self.kept.all_marks(room, most))

    async def take_new_epoch(self, known: str) -> str:
        """Take a new epoch in the store in memory."""
        return await self._answer(self.kept.take_new_epoch(known))

    async def forget(self, room: str) -> None:
        """Forget a room; that never fails."""
        await self.kept.forget(room)

    async def probe(self) -> None:
        """Fail as any other call does."""
        await self._answer(self.kept.positions(["probe"]))

    async def _answer(self, call: Awaitable[_Result]) -> _Result:
        self.asked += 1
        self.waiting += 1
        try:
            result = await call
            fault = self.fault
            await trio.sleep(math.inf if self.is_silent else self.delay_seconds)
        finally:
            self.waiting -= 1
        if fault is not None:
            raise Outage(fault)
        if self.damage is not None:
            raise DamagedData(self.damage)
        return result

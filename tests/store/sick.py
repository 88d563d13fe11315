"""A log that fails, or does not answer, when a test wants it to."""

import math
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import TypeVar

import trio

from trio_chat.errors import DamagedData, Outage
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, Page, ReadMarker, StreamPosition
from trio_chat.store.breaker import in_time
from trio_chat.store.memory import MemoryStore

_Result = TypeVar("_Result")


class SickStore:
    """A log in memory that takes its time, like a durable one. Satisfies `Store`.

    Attributes:
        fault: What every call fails with; None if it is well.
        damage: Why every call fails though the store is well; None if its data is.
        is_silent: Whether calls do not end.
        delay_seconds: How long each call takes otherwise.
        asked: How many calls have begun.
        waiting: How many are under way.
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
        """The identity of what is kept."""
        return self.kept.epoch

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Append, if it is well; an append ends in time by itself."""
        return await in_time(self._answer, self.kept.append(drafts, marks))

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read, if it is well."""
        return await self._answer(self.kept.read_before(room, before, limit))

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read, if it is well."""
        return await self._answer(self.kept.read_after(room, after, limit))

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Say how far rooms have come, if it is well."""
        return await self._answer(self.kept.positions(rooms))

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Say what was read, if it is well."""
        return await self._answer(self.kept.marks(room, users))

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Say what all have read, if it is well."""
        return await self._answer(self.kept.all_marks(room, most))

    async def take_new_epoch(self, known: str) -> str:
        """Take a new epoch, if it is well."""
        return await self._answer(self.kept.take_new_epoch(known))

    async def forget(self, room: str) -> None:
        """Forget: that never fails."""
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

"""A store that fails or hangs on demand."""

import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import trio

from trio_chat.errors import DamagedData, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit
from trio_chat.store.breaker import in_time
from trio_chat.store.memory import MemoryStore

_Result = TypeVar("_Result")


def _answered(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def call(sick: "SickStore", *arguments: object) -> object:
        return await sick._answer(getattr(sick.kept, name)(*arguments))

    return call


class SickStore:
    """A store in memory that answers late, like a durable one. Satisfies `Store`.

    ``fault`` and ``damage`` are the reasons of the `Outage` or `DamagedData` that each call raises.
    ``asked`` calls have begun, and ``waiting`` calls are in progress.
    """

    commit_nowait = None
    read_before = _answered("read_before")
    read_after = _answered("read_after")
    positions = _answered("positions")
    marks = _answered("marks")
    all_marks = _answered("all_marks")
    take_new_epoch = _answered("take_new_epoch")

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
        return self.kept.epoch

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Append; an append ends in time by itself."""
        return await in_time(self._answer, self.kept.append(drafts, marks))

    async def forget(self, room: str) -> None:
        await self.kept.forget(room)

    async def probe(self) -> None:
        await self.positions(["probe"])

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

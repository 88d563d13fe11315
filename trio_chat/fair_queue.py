"""Places that few can have at a time, given out by key in turn.

A key is a client's address. However many requests come from one address, a request from another one
waits for as many as there are other addresses, and not for all of them.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class FairQueue:
    """A queue in front of some places.

    Args:
        places: How many requests may have a place at the same time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        # By key, in the order of their turns; of each, in the order in which they came.
        self._waiting: OrderedDict[str, dict[trio.lowlevel.Task, None]] = OrderedDict()

    async def acquire(self, key: str) -> None:
        """Wait for a place. A cancellation lets the others go on."""
        if not self._free:
            await self._queue(key)
            return
        self._free -= 1
        try:
            # Other tasks that run now see that the place is taken.
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self.release()
            raise

    def release(self) -> None:
        """Give a free place to the next key, whose task has it at once."""
        if not self._waiting:
            self._free += 1
            return
        key, queue = next(iter(self._waiting.items()))
        self._waiting.move_to_end(key)
        task = next(iter(queue))
        self._take(key, task)
        trio.lowlevel.reschedule(task)

    async def pass_through(self, key: str) -> None:
        """Wait for a place and give it back: so many tasks pass in one turn of the event loop.

        A cancellation lets the others go on.
        """
        await self.acquire(key)
        self.release()

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Have a place for as long as the block lasts."""
        await self.acquire(key)
        try:
            yield
        finally:
            self.release()

    async def _queue(self, key: str) -> None:
        task = trio.lowlevel.current_task()
        self._waiting.setdefault(key, {})[task] = None

        def abort(_: object) -> trio.lowlevel.Abort:
            self._take(key, task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _take(self, key: str, task: trio.lowlevel.Task) -> None:
        queue = self._waiting[key]
        del queue[task]
        if not queue:
            del self._waiting[key]


class Shares:
    """Bounds how much each key has in progress; the keys do not wait for each other.

    Args:
        each: How many requests of one key may have a share at the same time.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._semaphores: dict[str, trio.Semaphore] = {}
        self._requests: dict[str, int] = {}

    def waiting(self, key: str) -> int:
        """How many requests of a key wait for a share."""
        return max(0, self._requests.get(key, 0) - self._each)

    @asynccontextmanager
    async def share(self, key: str) -> AsyncIterator[None]:
        """Have a share for as long as the block lasts."""
        semaphore = self._semaphores.setdefault(key, trio.Semaphore(self._each))
        self._requests[key] = self._requests.get(key, 0) + 1
        try:
            async with semaphore:
                yield
        finally:
            self._requests[key] -= 1
            if not self._requests[key]:
                del self._requests[key], self._semaphores[key]

"""A queue for a limited number of places, fair by key.

A key is a client's address. A request waits for at most one request of every other address,
however many requests one address sends.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class FairQueue:
    """A queue in front of some places.

    Args:
        places: The number of requests that may hold a place at the same time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        # Keys in the order of their turns; the tasks of each key in the order of arrival.
        self._waiting: OrderedDict[str, dict[trio.lowlevel.Task, None]] = OrderedDict()

    async def acquire(self, key: str) -> None:
        """Wait for a place. A cancelled task leaves the queue; the others continue."""
        if not self._free:
            await self._queue(key)
            return
        self._free -= 1
        try:
            # Other tasks that run now find the place occupied.
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self.release()
            raise

    def release(self) -> None:
        """Return a place; the first task of the next key holds it at once."""
        if not self._waiting:
            self._free += 1
            return
        key, queue = next(iter(self._waiting.items()))
        self._waiting.move_to_end(key)
        task = next(iter(queue))
        self._take(key, task)
        trio.lowlevel.reschedule(task)

    async def pass_through(self, key: str) -> None:
        """Wait for a place and return it, which bounds the tasks that pass in one turn of the loop.

        A cancelled task leaves the queue; the others continue.
        """
        await self.acquire(key)
        self.release()

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Hold a place while the block lasts."""
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
    """Bounds the requests of each key in progress; keys do not wait for each other.

    Args:
        each: The number of requests of one key that may hold a share at the same time.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._semaphores: dict[str, trio.Semaphore] = {}
        self._requests: dict[str, int] = {}

    def waiting(self, key: str) -> int:
        """Return the number of requests of a key that wait for a share."""
        return max(0, self._requests.get(key, 0) - self._each)

    @asynccontextmanager
    async def share(self, key: str) -> AsyncIterator[None]:
        """Hold a share while the block lasts."""
        semaphore = self._semaphores.setdefault(key, trio.Semaphore(self._each))
        self._requests[key] = self._requests.get(key, 0) + 1
        try:
            async with semaphore:
                yield
        finally:
            self._requests[key] -= 1
            if not self._requests[key]:
                del self._requests[key], self._semaphores[key]

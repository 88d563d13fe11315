"""What a connection has to do that must wait for the store, one after another.

While it does, the connection reads on and the hub goes on: nobody waits but the client that asked.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

Job = Callable[[], Awaitable[None]]

# The rates let a client ask some seventy times in the 5 s that the store may take at the most; a
# hello has up to 50 rooms besides.
MAX_PENDING: Final = 128


class RequestQueue:
    """A queue, and a task that lives as long as there is something in it.

    Args:
        start_soon: Starts the task, in the nursery of the connection. Whatever an request raises is
            raised there, and a cancellation there leaves the rest undone.
    """

    __slots__ = ("_due", "_is_running", "_start_soon")

    def __init__(self, start_soon: Callable[[Job], None]) -> None:
        self._start_soon = start_soon
        self._due: list[Job] = []
        self._is_running = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, so that what comes next may be done at once."""
        return not self._is_running

    @property
    def is_full(self) -> bool:
        """Whether a client that asks for more asks for too much."""
        return len(self._due) >= MAX_PENDING

    def add(self, request: Job) -> None:
        """Have it done, behind those that are there. Sync: nothing of it is done yet."""
        self._due.append(request)
        if not self._is_running:
            self._is_running = True
            self._start_soon(self._run)

    def clear(self) -> None:
        """Leave undone what has not begun."""
        self._due.clear()

    async def _run(self) -> None:
        while self._due:
            await self._due.pop(0)()
            await trio.lowlevel.checkpoint()  # a store in memory makes nobody wait
        self._is_running = False

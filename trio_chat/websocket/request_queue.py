"""The requests of one client that wait for the store, carried out one after another.

Meanwhile the connection keeps reading and the hub keeps working: only the client waits.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

Job = Callable[[], Awaitable[None]]

# The rates allow some seventy requests in the 5 s that the store may take at most, and a hello may
# add 50 rooms.
MAX_PENDING: Final = 128


class RequestQueue:
    """A queue, and a task that runs while the queue has jobs.

    Args:
        start_soon: Starts the task in the connection's nursery, where errors of a job surface. A
            cancellation there drops the remaining jobs.
    """

    __slots__ = ("_is_running", "_jobs", "_start_soon")

    def __init__(self, start_soon: Callable[[Job], None]) -> None:
        self._start_soon = start_soon
        self._jobs: list[Job] = []
        self._is_running = False

    @property
    def is_idle(self) -> bool:
        """Whether no job is running or waiting, so that the next one may run at once."""
        return not self._is_running

    @property
    def is_full(self) -> bool:
        """Whether the client has too many pending requests."""
        return len(self._jobs) >= MAX_PENDING

    def add(self, job: Job) -> None:
        """Run a job after all others. It does not start during this call."""
        self._jobs.append(job)
        if not self._is_running:
            self._is_running = True
            self._start_soon(self._run)

    def clear(self) -> None:
        """Drop the jobs that have not started."""
        self._jobs.clear()

    async def _run(self) -> None:
        while self._jobs:
            await self._jobs.pop(0)()
            await trio.lowlevel.checkpoint()  # a job need not block: others must get their turn
        self._is_running = False

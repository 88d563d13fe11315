"""What is to be published, until it has been sent: bounded, and given away in order."""

from collections import deque
from typing import Final

import trio

from trio_chat.metrics import Metrics

MOST: Final = 10_000
"""Payloads that may wait. The hub makes one in a turn, so that is more than a frozen Redis can pile
up in the seconds until it is given up."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""And their bytes."""

MOST_BYTES_AT_ONCE: Final = 1024 * 1024
"""Sent in one go, so that on a slow line something is answered before it is taken for dead."""


class Outgoing:
    """Between the hub, which never waits, and the task that sends.

    When it is full all of it is thrown away: the others see from the numbers in what comes next
    that something is missing, and how much makes no difference. The same while it is closed, as it
    is in the beginning.

    Args:
        metrics: What is published and thrown away is counted here.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._taken = 0
        """Payloads that are being sent."""
        self._is_open = False
        self._sender = trio.lowlevel.ParkingLot()
        self._settling = trio.lowlevel.ParkingLot()

    def put(self, payload: bytes) -> None:
        """Have this sent after all else, or thrown away."""
        if not self._is_open:
            self._metrics.backplane_thrown_away.count += 1
            return
        if len(self._waiting) >= MOST or self._bytes + len(payload) > MOST_BYTES:
            self._throw_away()
        self._waiting.append(payload)
        self._bytes += len(payload)
        self._sender.unpark_all()

    def open(self) -> None:
        """There is somebody who sends from now on."""
        self._is_open = True

    def close(self) -> None:
        """Nobody sends any more; what is in it, or is being sent, is given up."""
        self._is_open = False
        self._throw_away()
        self._metrics.backplane_thrown_away.count += self._taken
        self._taken = 0
        self._settling.unpark_all()

    async def wait(self) -> None:
        """Wait until there is something to send. A cancellation loses nothing."""
        while not self._waiting:
            await self._sender.park()

    def take(self) -> list[bytes]:
        """Take what is to be sent next, at least one if there is any; `sent` has to follow."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0]) <= MOST_BYTES_AT_ONCE):
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._bytes -= size
        self._taken = len(taken)
        return taken

    def sent(self) -> None:
        """What was taken has been sent."""
        self._metrics.backplane_published.count += self._taken
        self._taken = 0
        self._settling.unpark_all()

    async def settle(self) -> None:
        """Wait until all has been sent or given up. A cancellation loses nothing."""
        while self._waiting or self._taken:
            await self._settling.park()

    def _throw_away(self) -> None:
        self._metrics.backplane_thrown_away.count += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0

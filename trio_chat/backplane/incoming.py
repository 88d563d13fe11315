"""What has been heard, until the listener takes it: bounded, and told by one task, in order."""

from collections import deque
from typing import Final

import trio

from trio_chat.backplane.base import Listener
from trio_chat.metrics import Metrics

MOST: Final = 10_000
"""Payloads that may wait: seconds of a busy chat. A hub that is further behind reads the log."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""And their bytes, as a roll may be large."""


MOST_BYTES_OF_ONE: Final = 4 * 1024 * 1024
"""Of one payload; the largest that a node makes is a tenth of that. It is read at one go, while
everybody waits."""


class Incoming:
    """Between what hears, which never waits, and the listener, who may have no time.

    When it is full all of it is thrown away, and the listener is told that much was missed: a gap
    is a gap, whatever its size, and what comes after it is worth more than what came before.

    Args:
        metrics: What is received and thrown away is counted here.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[bytes | bool] = deque()
        """Payloads, and between them whether the backplane is in reach from there on."""
        self._bytes = 0
        self._reader = trio.lowlevel.ParkingLot()

    def put(self, payload: bytes) -> None:
        """Another node has published this."""
        self._metrics.backplane_received.count += 1
        if len(payload) > MOST_BYTES_OF_ONE:
            self._metrics.backplane_thrown_away.count += 1
            return
        if len(self._waiting) >= MOST or self._bytes + len(payload) > MOST_BYTES:
            thrown_away = sum(isinstance(one, bytes) for one in self._waiting)
            self._metrics.backplane_thrown_away.count += thrown_away
            self._waiting.clear()
            self._bytes = 0
            self.reach(is_given=True)
        self._bytes += len(payload)
        self._put(payload)

    def reach(self, *, is_given: bool) -> None:
        """Whether what is published is heard from here on."""
        self._put(is_given)

    async def deliver(self, listener: Listener) -> None:
        """Tell the listener all of it, until cancelled; then what it was not told is lost."""
        while True:
            while not self._waiting:
                await self._reader.park()
            one = self._waiting.popleft()
            if isinstance(one, bytes):
                self._bytes -= len(one)
                await listener.heard(one)
            elif one:
                await listener.in_reach()
            else:
                await listener.out_of_reach()

    def _put(self, one: bytes | bool) -> None:  # noqa: FBT001 - see the queue
        self._waiting.append(one)
        self._reader.unpark_all()

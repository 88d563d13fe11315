"""Passes received payloads to the listener, in order.

A listener that has time gets them at once, in the task that reads from Redis. While it has none
they wait here, in a bounded queue that one task empties.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from trio_chat.backplane.base import Listener
from trio_chat.metrics import Metrics

MOST: Final = 10_000
"""Payloads that may wait: seconds of a busy chat. A hub that is further behind reads the store."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""And their bytes, as a roll may be large."""


MOST_BYTES_OF_ONE: Final = 4 * 1024 * 1024
"""Of one payload; the largest that a node makes is a tenth of that. It is read at one go, while
everybody waits."""


MOST_AT_ONCE: Final = 64
"""Payloads that the listener gets together: as many as fit into one turn of the hub."""

PACE_SECONDS: Final = 0.05
"""Longest that `Incoming.pace` waits. It is short, as the answers of Redis wait as well."""


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
        self._idle: Listener | None = None
        """The listener, while the task that empties the queue has nothing to do."""
        self._reader = trio.lowlevel.ParkingLot()
        self._writer = trio.lowlevel.ParkingLot()

    def put(self, payloads: Sequence[bytes]) -> None:
        """Take what other nodes have published."""
        self._metrics.backplane_received.count += len(payloads)
        if max(map(len, payloads)) > MOST_BYTES_OF_ONE:
            all_of_them = len(payloads)
            payloads = [one for one in payloads if len(one) <= MOST_BYTES_OF_ONE]
            self._metrics.backplane_dropped.count += all_of_them - len(payloads)
        if not self._passes_through(payloads):
            self._queue(payloads)

    def _passes_through(self, payloads: Sequence[bytes]) -> bool:
        """Whether the listener has taken these at once."""
        if self._waiting or self._idle is None or len(payloads) > MOST_AT_ONCE:
            return False
        try:
            self._idle.heard_nowait(payloads)
        except trio.WouldBlock:
            return False
        return True

    def _queue(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            if len(self._waiting) >= MOST or self._bytes + len(payload) > MOST_BYTES:
                dropped = sum(isinstance(one, bytes) for one in self._waiting)
                self._metrics.backplane_dropped.count += dropped
                self._waiting.clear()
                self._bytes = 0
                self._waiting.append(True)
            self._bytes += len(payload)
            self._waiting.append(payload)
        self._reader.unpark_all()

    def reach(self, *, is_given: bool) -> None:
        """Whether what is published is heard from here on."""
        self._waiting.append(is_given)
        self._reader.unpark_all()

    @property
    def is_half_full(self) -> bool:
        """Whether to `pace`: a listener that is only slow then misses nothing."""
        return len(self._waiting) > MOST // 2

    async def pace(self) -> None:
        """Wait until it is not half full any more, `PACE_SECONDS` at most."""
        with trio.move_on_after(PACE_SECONDS):
            await self._writer.park()

    async def deliver(self, listener: Listener) -> None:
        """Give the listener all of it, until cancelled; the rest is lost then."""
        while True:
            while not self._waiting:
                self._idle = listener
                try:
                    await self._reader.park()
                finally:
                    self._idle = None
            if payloads := self._take():
                await listener.heard(payloads)
            elif self._waiting.popleft():
                await listener.up()
            else:
                await listener.out_of_reach()

    def _take(self) -> list[bytes]:
        """Take payloads off the front; none if something else is there."""
        payloads: list[bytes] = []
        while self._waiting and len(payloads) < MOST_AT_ONCE:
            payload = self._waiting[0]
            if isinstance(payload, bool):
                break
            payloads.append(payload)
            self._bytes -= len(payload)
            self._waiting.popleft()
        if not self.is_half_full:
            self._writer.unpark_all()
        return payloads

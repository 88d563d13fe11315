"""Passes received payloads to the listener, in order.

An idle listener receives them at once, in the task that reads from Redis. For a busy one they wait
here, in a bounded queue that one task empties.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from trio_chat.backplane.base import Listener
from trio_chat.metrics import Metrics

MOST: Final = 10_000
"""Maximum payloads that wait: seconds of a busy chat. A hub further behind reads the store."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Maximum bytes that wait, since a snapshot may be large."""

MOST_BYTES_OF_ONE: Final = 4 * 1024 * 1024
"""Maximum size of one payload: ten times the largest that a node sends. The node parses a payload
in one turn, while everything else waits."""

MOST_AT_ONCE: Final = 64
"""Maximum payloads per call of the listener: one turn of the hub."""

PACE_SECONDS: Final = 0.05
"""Maximum wait of `Incoming.pace`. It is short, since the replies of Redis wait as well."""


class Incoming:
    """A bounded queue between the reading task and the listener.

    A full queue drops all its payloads and reports a gap to the listener. The size of a gap makes
    no difference, and newer payloads are worth more than older ones.

    Args:
        metrics: Count received and dropped payloads.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[bytes | bool] = deque()
        """Payloads, and between them whether the backplane is up from there on."""
        self._bytes = 0
        self._idle: Listener | None = None
        """The listener, while the task that empties the queue has nothing to do."""
        self._reader = trio.lowlevel.ParkingLot()
        self._writer = trio.lowlevel.ParkingLot()

    def put(self, payloads: Sequence[bytes]) -> None:
        """Queue payloads, or pass them to an idle listener."""
        self._metrics.backplane_received.count += len(payloads)
        if max(map(len, payloads)) > MOST_BYTES_OF_ONE:
            all_of_them = len(payloads)
            payloads = [one for one in payloads if len(one) <= MOST_BYTES_OF_ONE]
            self._metrics.backplane_dropped.count += all_of_them - len(payloads)
        if not self._passes_through(payloads):
            self._queue(payloads)

    def _passes_through(self, payloads: Sequence[bytes]) -> bool:
        """Pass payloads to the listener; returns whether it accepted them."""
        if self._waiting or self._idle is None or len(payloads) > MOST_AT_ONCE:
            return False
        try:
            self._idle.receive_nowait(payloads)
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

    def note_connection(self, *, is_up: bool) -> None:
        """Queue a change of the connection."""
        self._waiting.append(is_up)
        self._reader.unpark_all()

    @property
    def is_half_full(self) -> bool:
        """Return whether to call `pace`, so that a slow listener misses nothing."""
        return len(self._waiting) > MOST // 2

    async def pace(self) -> None:
        """Wait at most `PACE_SECONDS`, until the queue is less than half full."""
        with trio.move_on_after(PACE_SECONDS):
            await self._writer.park()

    async def deliver(self, listener: Listener) -> None:
        """Pass the queue to the listener until cancelled; the rest of the queue is lost then."""
        while True:
            while not self._waiting:
                self._idle = listener
                try:
                    await self._reader.park()
                finally:
                    self._idle = None
            if payloads := self._take():
                await listener.receive(payloads)
            elif self._waiting.popleft():
                await listener.up()
            else:
                await listener.down()

    def _take(self) -> list[bytes]:
        """Remove the payloads at the front; returns none before a change of the connection."""
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

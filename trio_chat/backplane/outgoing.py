"""What this node publishes, until Redis has answered it."""

from typing import Final

import trio

from trio_chat.backplane.connection import Connection
from trio_chat.backplane.resp import encode
from trio_chat.metrics import Metrics

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of payloads that the kernel does not take: more than a frozen Redis can pile up in the seconds
until it is given up."""


class Outgoing:
    """Publishes at once, or throws away; the hub never waits.

    The other nodes see from the numbers in what comes next that something is missing, and how much
    makes no difference.

    Args:
        channel: Where it publishes.
        metrics: What is published and thrown away is counted here.
    """

    def __init__(self, channel: bytes, metrics: Metrics) -> None:
        self._metrics = metrics
        self._channel = channel
        self._connection: Connection | None = None
        self._settling = trio.lowlevel.ParkingLot()
        self.unanswered = 0
        """The number of payloads that were sent, and that Redis has not answered."""

    def put(self, payload: bytes) -> None:
        """Publish this, or throw it away: if there is no connection, or it has not taken enough."""
        connection = self._connection
        if connection is None or connection.owed_bytes + len(payload) > MOST_BYTES:
            self._metrics.backplane_dropped.count += 1
            return
        self.unanswered += 1
        connection.send(encode(b"PUBLISH", self._channel, payload))

    def open(self, connection: Connection) -> None:
        """Use this connection from now on."""
        self._connection = connection

    def close(self) -> None:
        """The connection is lost, with all that has not been answered."""
        self._connection = None
        self._metrics.backplane_dropped.count += self.unanswered
        self.unanswered = 0
        self._settling.unpark_all()

    def answered(self, count: int) -> None:
        """Redis has answered so many."""
        self._metrics.backplane_published.count += count
        self.unanswered -= count
        if not self.unanswered:
            self._settling.unpark_all()

    async def settle(self) -> None:
        """Wait until all has been answered or given up. A cancellation loses nothing."""
        while self.unanswered:
            await self._settling.park()

"""Tracks the payloads of this node until Redis answers them."""

from typing import Final

import trio

from trio_chat.backplane.connection import Connection
from trio_chat.backplane.resp import encode
from trio_chat.metrics import Metrics

MOST_BYTES: Final = 16 * 1024 * 1024
"""Maximum unsent bytes. A frozen Redis causes less in the seconds until the node closes the
connection."""


class Outgoing:
    """Publishes or drops each payload at once, so the hub never waits.

    The other nodes detect a dropped payload by the numbers in the following ones.

    Args:
        channel: The Redis channel.
        metrics: Count published and dropped payloads.
    """

    def __init__(self, channel: bytes, metrics: Metrics) -> None:
        self._metrics = metrics
        self._channel = channel
        self._connection: Connection | None = None
        self._flushed = trio.lowlevel.ParkingLot()
        self.unanswered = 0
        """The number of sent payloads that Redis has not answered."""

    def put(self, payload: bytes) -> None:
        """Publish a payload; drop it without a connection, or with too many unsent bytes."""
        connection = self._connection
        if connection is None or connection.unsent_bytes + len(payload) > MOST_BYTES:
            self._metrics.backplane_dropped.count += 1
            return
        self.unanswered += 1
        connection.send(encode(b"PUBLISH", self._channel, payload))

    def open(self, connection: Connection) -> None:
        """Publish on this connection from now on."""
        self._connection = connection

    def close(self) -> None:
        """Stop publishing, and count the unanswered payloads as dropped."""
        self._connection = None
        self._metrics.backplane_dropped.count += self.unanswered
        self.unanswered = 0
        self._flushed.unpark_all()

    def answered(self, count: int) -> None:
        """Note that Redis answered some payloads."""
        self._metrics.backplane_published.count += count
        self.unanswered -= count
        if not self.unanswered:
            self._flushed.unpark_all()

    async def wait_until_answered(self) -> None:
        """Wait until all payloads are answered or dropped. A cancellation loses none."""
        while self.unanswered:
            await self._flushed.park()

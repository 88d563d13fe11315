"""Backplanes within one process: a single node, or several nodes on a bus."""

import trio

from trio_chat.backplane.base import Listener
from trio_chat.backplane.incoming import Incoming
from trio_chat.metrics import Metrics


class LocalBackplane:
    """The backplane of a single node. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared = False
    last_error: str | None = None

    def publish(self, payload: bytes) -> None:
        """Do nothing: no other node exists."""

    async def flush(self) -> None:
        """Return at once: no payload waits."""

    async def run(self, listener: Listener) -> None:  # noqa: ARG002 - it receives nothing
        """Sleep until cancelled."""
        await trio.sleep_forever()


class LocalBus:
    """Passes each payload to all other running nodes of one process, for tests."""

    def __init__(self) -> None:
        self.running: list[BusBackplane] = []
        """The running nodes, in order of start."""

    def attach(self, metrics: Metrics) -> "BusBackplane":
        """Make the backplane of a new node.

        Args:
            metrics: The metrics of that node.
        """
        return BusBackplane(self, metrics)


class BusBackplane:
    """One node of a bus. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared = True
    last_error: str | None = None

    def __init__(self, bus: LocalBus, metrics: Metrics) -> None:
        self._bus = bus
        self._metrics = metrics
        self._incoming = Incoming(metrics)

    def publish(self, payload: bytes) -> None:
        """Queue a payload for the other nodes; drop it if this node does not run."""
        if self not in self._bus.running:
            self._metrics.backplane_dropped.count += 1
            return
        self._metrics.backplane_published.count += 1
        for other in self._bus.running:
            if other is not self:
                other._incoming.put([payload])  # noqa: SLF001 - of the same class

    async def flush(self) -> None:
        """Return at once: no payload waits."""

    async def run(self, listener: Listener) -> None:
        """Receive from the other nodes until cancelled."""
        self._incoming.note_connection(is_up=True)
        self._bus.running.append(self)
        try:
            await self._incoming.deliver(listener)
        finally:
            self._bus.running.remove(self)

"""Nodes within one process: one that is alone, or several on a bus."""

import trio

from trio_chat.backplane.base import Listener
from trio_chat.backplane.incoming import Incoming
from trio_chat.metrics import Metrics


class LocalBackplane:
    """There is nobody else to be heard. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared = False
    last_error: str | None = None

    def publish(self, payload: bytes) -> None:
        """Nobody hears it."""

    async def flush(self) -> None:
        """Nothing waits to be sent."""

    async def run(self, listener: Listener) -> None:  # noqa: ARG002 - there is nothing to be heard
        """Wait to be cancelled."""
        await trio.sleep_forever()


class LocalBus:
    """What is published by one is heard by all others that run at that time."""

    def __init__(self) -> None:
        self.running: list[BusBackplane] = []
        """In the order in which they began."""

    def attach(self, metrics: Metrics) -> "BusBackplane":
        """Give a new node its backplane.

        Args:
            metrics: Its own.
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
        """Put it where the others' tasks find it; from one that does not run, it is lost."""
        if self not in self._bus.running:
            self._metrics.backplane_dropped.count += 1
            return
        self._metrics.backplane_published.count += 1
        for other in self._bus.running:
            if other is not self:
                other._incoming.put([payload])  # noqa: SLF001 - it is one of us

    async def flush(self) -> None:
        """Nothing waits to be sent."""

    async def run(self, listener: Listener) -> None:
        """Hear the others until cancelled."""
        self._incoming.reach(is_given=True)
        self._bus.running.append(self)
        try:
            await self._incoming.deliver(listener)
        finally:
            self._bus.running.remove(self)

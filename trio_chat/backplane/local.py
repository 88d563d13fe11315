"""A node that is alone."""

import trio

from trio_chat.backplane.base import Listener


class LocalBackplane:
    """There is nobody else to be heard. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared = False
    trouble: str | None = None

    def publish(self, payload: bytes) -> None:
        """Nobody hears it."""

    async def flush(self) -> None:
        """Nothing waits to be sent."""

    async def run(self, listener: Listener) -> None:  # noqa: ARG002 - there is nothing to be heard
        """Wait to be cancelled."""
        await trio.sleep_forever()

"""One user in one room, which sends one message at a time and waits for the answer."""

from collections.abc import Callable
from typing import Any

import trio
from attrs import define

from tests.stress.torture.wire import Wire
from tests.support.waiting import PATIENCE_SECONDS, POLL_SECONDS


async def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fail after `PATIENCE_SECONDS`."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it depends on another process
            await trio.sleep(POLL_SECONDS)


@define
class Participant:
    """A user in one room."""

    wire: Wire
    name: str
    room: str = "dev"

    async def join(self) -> dict[str, Any]:
        """Send a hello, and return the ``joined``."""
        rooms: dict[str, Any] = {self.room: {}}
        await self.wire.send({"type": "hello", "v": 2, "username": self.name, "rooms": rooms})
        return await self.receive_until("joined")

    async def send(self, ref: str) -> dict[str, Any]:
        """Send a message, and return its ``ack`` or ``error``."""
        text = f"{self.name} says {ref}"
        await self.wire.send({"type": "message", "room": self.room, "message": text, "ref": ref})
        return await self.receive_until("ack", "error", ref=ref)

    async def type(self) -> None:
        """Start and stop typing, and receive both events."""
        for is_typing in (True, False):
            await self.wire.send({"type": "typing", "room": self.room, "isTyping": is_typing})
            await self.receive_until("typing", username=self.name, isTyping=is_typing)

    async def receive_until(self, *types: str, **fields: object) -> dict[str, Any]:
        """Return the next message that has one of these types and these fields."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                message = await self.wire.receive()
                if message["type"] in types and fields.items() <= message.items():
                    return message

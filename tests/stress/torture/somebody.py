"""Somebody beside the crowd, who does one thing at a time and says how it went."""

from collections.abc import Callable
from typing import Any

import trio
from attrs import define

from tests.stress.torture.wire import Wire
from tests.support.waiting import PATIENCE_SECONDS, POLL_SECONDS


async def wait_until(fact: Callable[[], bool]) -> None:
    """Return as soon as it is so, and fail if it never is."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not fact():  # noqa: ASYNC110 - it is about another process
            await trio.sleep(POLL_SECONDS)


@define
class Somebody:
    """A user in one room."""

    wire: Wire
    name: str
    room: str = "dev"

    async def join(self) -> dict[str, Any]:
        """Say hello, wait until they are in, and give the ``joined``."""
        rooms: dict[str, Any] = {self.room: {}}
        await self.wire.send({"type": "hello", "v": 2, "username": self.name, "rooms": rooms})
        return await self.until("joined")

    async def say(self, ref: str) -> dict[str, Any]:
        """Send a message, and give what answers it: an ``ack``, or an ``error``."""
        text = f"{self.name} says {ref}"
        await self.wire.send({"type": "message", "room": self.room, "message": text, "ref": ref})
        return await self.until("ack", "error", ref=ref)

    async def type(self) -> None:
        """Begin to type and stop again, and see both."""
        for is_typing in (True, False):
            await self.wire.send({"type": "typing", "room": self.room, "isTyping": is_typing})
            await self.until("typing", username=self.name, isTyping=is_typing)

    async def until(self, *types: str, **fields: object) -> dict[str, Any]:
        """Receive up to a frame of one of these types, with these fields."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                frame = await self.wire.receive()
                if frame["type"] in types and fields.items() <= frame.items():
                    return frame

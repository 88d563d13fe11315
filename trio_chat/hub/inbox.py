"""The way into the hub: a memory channel, taken out in batches of a bounded size."""

from types import TracebackType
from typing import Final

import trio

from trio_chat.protocol.membership import Publish, Request

INBOX_REQUESTS: Final = 256
"""As many as the guide's broadcast channel holds. A full inbox makes readers wait, not the hub."""

# A turn joins what it sends to a room, and it must fit into the queue of a client that keeps up:
# 64 messages make at most 128 frames; 16 Ki characters, and the message that goes over, at most
# 120 KiB of text in JSON (at the default of 4,096 characters a message).
TURN_REQUESTS: Final = 64
TURN_CHARS: Final = 16 * 1024


class Inbox:
    """Requests that wait for the hub. Satisfies `trio_chat.protocol.membership.Requests`.

    As a context manager it belongs to the hub, and closes: whoever waits to put something in, or
    tries to, gets a `trio.BrokenResourceError`.
    """

    def __init__(self) -> None:
        self.is_idle = False
        """Whether the hub waits for a request and none is on its way: it has dealt with all."""
        self._putting, self._taking = trio.open_memory_channel[Request](INBOX_REQUESTS)

    def __enter__(self) -> None:
        """Nothing has to be opened."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.is_idle = False
        self._taking.close()

    # --- for everybody ---------------------------------------------------------------------------

    def send_nowait(self, request: Request) -> None:
        """Put a request in.

        Raises:
            trio.WouldBlock: There is no room.
            trio.BrokenResourceError: There is no hub any more.
        """
        self._putting.send_nowait(request)
        self.is_idle = False

    async def send(self, request: Request) -> None:
        """Put a request in, when there is room.

        Cancelled, it has not been put in.

        Raises:
            trio.BrokenResourceError: There is no hub any more.
        """
        self.is_idle = False  # too early rather than too late
        await self._putting.send(request)

    # --- for the hub -----------------------------------------------------------------------------

    async def take(self) -> list[Request]:
        """Wait for a request, and take with it what else is there and fits into one turn.

        A cancellation loses nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            request = self._taking.receive_nowait()
        except trio.WouldBlock:
            self.is_idle = True
            request = await self._taking.receive()
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        batch = [request]
        chars = _chars(request)
        while len(batch) < TURN_REQUESTS and chars < TURN_CHARS:
            try:
                request = self._taking.receive_nowait()
            except trio.WouldBlock:
                break
            batch.append(request)
            chars += _chars(request)
        return batch


def _chars(request: Request) -> int:
    return len(request.text) if isinstance(request, Publish) else 0

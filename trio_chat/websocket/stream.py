"""What trio-websocket reads from and writes to in place of a socket.

It lets trio-websocket see the head of the upgrade, then the frames that are its business: control
frames and whatever is unusual. Whole text messages are taken out by a `FrameScanner` and handed to
the connection right here, in the task that reads: no other task is woken for them. With nothing
under way the task rests at the `Watch`, which then does the same even without waking it. Whatever
trio-websocket writes goes through the outbox like everything else.

Closing is the connection's business: trio-websocket's ``aclose`` of this stream leaves the socket
open, and only ends what trio-websocket reads.
"""

from typing import Protocol

import trio

from trio_chat.errors import Disconnect
from trio_chat.protocol.frames import CLOSE, FIN, FrameScanner, Item, PassOn
from trio_chat.protocol.handshake import Upgrade
from trio_chat.protocol.membership import Request
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import Transport


class Receiver(Protocol):
    """Who is told what came in."""

    @property
    def takes_at_once(self) -> bool:
        """Whether `take_at_once` may be called now."""

    def take_at_once(self, text: str, size: int, now: float) -> Request | None:
        """A whole text message has come in so many bytes; deal with it without waiting.

        Args:
            text: The message.
            size: How many bytes it took.
            now: The time on Trio's clock, in seconds.

        Returns:
            What the hub is to do about it, if anything.
        """

    def on_bytes(self, size: int, frames: int) -> None:
        """So many bytes have come, in which so many frames were completed or refused."""

    async def on_text(self, text: str) -> None:
        """A whole text message has come."""

    def on_violation(self, violation: Disconnect) -> None:
        """What came is over a limit, or no text: the connection is to end."""


class MessageStream(trio.abc.Stream):
    """The stream under one trio-websocket connection.

    Args:
        transport: The stream reads from it and never closes it.
        outbox: The way out, by the same transport.
        upgrade: The request that trio-websocket is to answer, and what came after it.
        scanner: Looks through the frames.
        receiver: Is told what came in.
    """

    def __init__(
        self,
        transport: Transport,
        outbox: Outbox,
        upgrade: Upgrade,
        scanner: FrameScanner,
        receiver: Receiver,
    ) -> None:
        self._receive = transport.receive
        self._outbox = outbox
        self._head = upgrade.head
        self._trailing = upgrade.trailing
        self._scanner = scanner
        self._receiver = receiver
        # Back to front. Lists, here and in the outbox, for an empty deque takes 760 bytes.
        self._items: list[Item] = []
        self._accepted = trio.Event()
        self._unsettled = 0
        self._settled: trio.Event | None = None
        self._is_closed = False
        self.close_frame_sent = False
        """Whether trio-websocket has written a close frame."""

    # --- for the connection ----------------------------------------------------------------------

    def accept(self) -> None:
        """The upgrade has been answered: frames may be read from now on, not before."""
        self._accepted.set()

    def settle_one(self) -> None:
        """One message that came out of trio-websocket has been dealt with.

        Until all have been, no text is delivered on the short path: that keeps the order.
        """
        self._unsettled -= 1
        if self._settled is not None and not self._unsettled:
            self._settled.set()
            self._settled = None

    def begin_closing(self) -> None:
        """From now on only a close frame is of interest; the rest is read and thrown away."""
        self._scanner.begin_closing()
        self._items = [item for item in self._items if isinstance(item, PassOn) and item.is_close]

    # --- for trio-websocket ----------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Put what trio-websocket writes into the outbox."""
        frame = bytes(data)
        if frame[0] == FIN | CLOSE:
            self.close_frame_sent = True
            self._outbox.seal()  # nothing may follow it (RFC 6455 section 5.5.1)
        await self._outbox.send(frame)

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: the outbox does the waiting."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """Read on until there is something for trio-websocket; empty at the end of the stream.

        Raises:
            trio.ClosedResourceError: trio-websocket is done with it.
        """
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._head:
            head, self._head = self._head, b""
            await trio.lowlevel.checkpoint()
            return head
        if not self._accepted.is_set():
            await self._accepted.wait()
        data, self._trailing = self._trailing, b""
        if data:
            self._scan(data)
        while True:
            while self._items:
                item = self._items.pop()
                if isinstance(item, PassOn):
                    self._unsettled += item.messages
                    return item.data
                await self._deliver(item)
            if self._scanner.has_more:
                await trio.lowlevel.checkpoint()  # inflating has taken a while: others first
                data = b""
            else:
                data = await self._receive(self._take_at_once)
                if not data:
                    return b""
            self._scan(data)

    async def aclose(self) -> None:
        """Let trio-websocket read no further; the connection sees that, and ends in its way."""
        # It asks once more after it has closed, and would be in the way of who reads the rest.
        self._is_closed = True
        await trio.lowlevel.checkpoint()

    # --- inside ----------------------------------------------------------------------------------

    def _take_at_once(self, data: bytes, now: float, requests: list[Request]) -> bool:
        """See `trio_chat.websocket.watch.Take`."""
        if self._unsettled or not self._receiver.takes_at_once:
            return False
        text = self._scanner.one_text(data)
        if text is None:
            return False
        request = self._receiver.take_at_once(text, len(data), now)
        if request is not None:
            requests.append(request)
        return True

    async def _deliver(self, item: str | Disconnect) -> None:
        while self._unsettled:
            self._settled = self._settled or trio.Event()
            await self._settled.wait()
        if isinstance(item, str):
            await self._receiver.on_text(item)
        else:
            self._receiver.on_violation(item)

    def _scan(self, data: bytes) -> None:
        """Find what is in the data; everything found before has been dealt with."""
        before = self._scanner.frames
        self._items[:] = reversed(self._scanner.receive(data))
        self._receiver.on_bytes(len(data), self._scanner.frames - before)

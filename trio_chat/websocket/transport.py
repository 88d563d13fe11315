"""What carries the bytes of one WebSocket: all that the connection asks of its socket.

There are three who ask: the outbox sends, the stream reads, and the connection ends it.
"""

import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import trio

from trio_chat.websocket.watch import RECEIVE_BYTES, Take, Watch

_DISCARD_BYTES: Final = 64 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


class Sender(Protocol):
    """Who sends without waiting. A bare socket is one."""

    def send(self, data: bytes, /) -> int:
        """Send the beginning of some bytes right now, and say how many were taken.

        Raises:
            BlockingIOError: None can be taken just now.
            OSError: None ever will.
        """


class Transport(Protocol):
    """A connected socket, or something that can do the same."""

    @property
    def sender(self) -> Sender:
        """Who sends at once. It is called for each delivery: the socket itself if there is one."""

    async def write(
        self, parts: Sequence[bytes | memoryview], commit: Callable[[int], None]
    ) -> int:
        """Send the beginning of the parts put together, or wait until there is room for it.

        After a wait it may return without having sent anything: who calls may have other parts by
        then. A cancellation while it waits may leave some of it sent; nothing can be sent after it.

        Args:
            parts: What is to be sent, in order.
            commit: Called at most once, before waiting, with the number of parts at the front
                that will be sent whole whatever happens meanwhile.

        Returns:
            How many bytes have been sent.

        Raises:
            OSError: Nothing will be sent any more.
        """

    async def receive(self, take: Take) -> bytes:
        """Wait for bytes; none at the end, whatever ended it. Can be cancelled without loss.

        Args:
            take: May be offered what comes, while this waits on; what it takes is not returned.
        """

    async def linger(self) -> None:
        """Send nothing more, and read on until the other side ends.

        Closing with bytes unread would reset, and lose what is on its way to the other side.
        Afterwards there is nothing left to do but to close; after a cancellation too.
        """

    async def aclose(self, *, reset: bool) -> None:
        """Release the socket, in bounded time though shielded from cancellation.

        Args:
            reset: Whether the other side is to be told that something went wrong: then nothing
                that is still on its way will arrive.
        """

    def limit_send_buffer(self, size: int) -> None:
        """Let the kernel hold so many bytes at most (as it counts them) that the peer has not."""


class SocketTransport:
    """A bare socket. Satisfies `Transport`.

    Args:
        sock: Connected and non-blocking.
        watch: Reads it while nothing out of the ordinary comes; None: it waits for itself.
    """

    __slots__ = ("_sock", "_watch", "sender")

    def __init__(self, sock: socket.socket, watch: Watch | None = None) -> None:
        self._sock = sock
        self._watch = watch
        self.sender: Sender = sock

    async def write(
        self,
        parts: Sequence[bytes | memoryview],
        commit: Callable[[int], None],  # noqa: ARG002 - what it has not sent may be taken back
    ) -> int:
        """See `Transport`."""
        try:
            return self._sock.sendmsg(parts)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(self._sock)
            return 0

    async def receive(self, take: Take) -> bytes:
        """See `Transport`."""
        if self._watch is not None:
            return await self._watch.rest(self._sock, take)
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    async def linger(self) -> None:
        """See `Transport`."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not self._sock.recv(_DISCARD_BYTES):
                    return
        except OSError:
            return

    async def aclose(self, *, reset: bool) -> None:
        """See `Transport`; it takes no time at all."""
        if reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def limit_send_buffer(self, size: int) -> None:
        """See `Transport`."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

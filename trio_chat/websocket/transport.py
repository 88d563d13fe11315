"""What carries the bytes of one WebSocket: all that the connection asks of its socket.

The outbox sends, and the connection reads and ends it.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import trio

from trio_chat.socket_options import limit_send_buffer, reset_on_close

RECEIVE_BYTES: Final = 16 * 1024
"""A few hundred ordinary messages, and no large allocation for one small one."""

_DISCARD_BYTES: Final = 64 * 1024


class Sender(Protocol):
    """Sends without waiting. A bare socket is one."""

    def send(self, data: bytes, /) -> int:
        """Send the beginning of some bytes right now, and say how many were taken.

        Raises:
            BlockingIOError: None can be taken just now.
            Owed: Some bytes are encrypted, and the socket did not take all of them.
            OSError: None ever will.
        """


class Transport(Protocol):
    """A connected socket, or something that can do the same."""

    @property
    def sender(self) -> Sender:
        """Sends at once. It is called for each delivery: the socket itself if possible."""

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send the beginning of the parts put together, or wait until there is room for it.

        After a wait it returns without having sent any of the parts: the caller may have other
        parts by then. A cancellation while it waits has sent none of them.

        Args:
            parts: Bytes to be sent, in order.

        Returns:
            How many bytes have been sent. Nothing is owed any more.

        Raises:
            Owed: Some bytes have been encrypted, and not all of those were taken.
            OSError: Nothing will be sent any more.
        """

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when bytes come."""

    @property
    def receive(self) -> Callable[[int], bytes]:
        """Returns at most so many bytes of what has come; none at the end.

        It is called for each message: the method of the socket itself if possible. It raises
        `BlockingIOError` if nothing has come, and another `OSError` if the connection has broken,
        but that never while there is something pending.
        """

    @property
    def has_pending(self) -> bool:
        """Whether `receive` has more to return though the descriptor may not say so."""

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
    """

    __slots__ = ("_sock", "receive", "sender")

    has_pending = False  # the kernel has all of it

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.sender: Sender = sock
        self.receive: Callable[[int], bytes] = sock.recv

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """See `Transport`."""
        try:
            return self._sock.sendmsg(parts)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(self._sock)
            return 0

    def fileno(self) -> int:
        """See `Transport`."""
        return self._sock.fileno()

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
            reset_on_close(self._sock)
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def limit_send_buffer(self, size: int) -> None:
        """See `Transport`."""
        limit_send_buffer(self._sock, size)

"""The transport of one WebSocket: a bare socket, or TLS over one (`trio_chat.tls.transport`).

The outbox sends on it; the connection reads and closes it.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import trio

from trio_chat.socket_options import limit_send_buffer, reset_on_close

RECEIVE_BYTES: Final = 16 * 1024
"""Some hundred usual messages; a larger buffer would cost each small message."""

_DISCARD_BYTES: Final = 64 * 1024


class Sender(Protocol):
    """Sends without blocking; a bare socket is a sender."""

    def send(self, data: bytes, /) -> int:
        """Send a first part of some bytes now, and return its size.

        Raises:
            BlockingIOError: The socket accepts none now.
            Owed: Some bytes are encrypted, and the socket did not accept all of them.
            OSError: The connection has failed.
        """


class Transport(Protocol):
    """A connected socket, with or without TLS."""

    @property
    def sender(self) -> Sender:
        """The sender for each delivery: the socket itself if possible."""

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send a first part of the joined bytes, and return its size; then no byte is owed.

        If the socket accepts none now, wait and return 0: by then the caller may have other parts.
        A cancellation sends nothing. It raises as `Sender.send` does, except `BlockingIOError`.
        """

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when bytes arrive."""

    @property
    def receive(self) -> Callable[[int], bytes]:
        """A function that returns at most this many received bytes; none at the end.

        For each message: the method of the socket itself if possible. It raises `BlockingIOError`
        if no bytes have arrived, and another `OSError` if the connection has failed and no bytes
        are pending.
        """

    @property
    def has_pending(self) -> bool:
        """Whether `receive` has more bytes, although the descriptor may not be readable."""

    async def linger(self) -> None:
        """End the sending side, and discard received bytes until the peer ends its side.

        Closing with unread bytes would reset the connection, and lose data on the way to the peer.
        After this, and after a cancellation, only `aclose` may follow.
        """

    async def aclose(self, *, reset: bool) -> None:
        """Close the socket, in bounded time though shielded from cancellation.

        A ``reset`` loses data on the way to the peer.
        """

    def limit_send_buffer(self, size: int) -> None:
        """Limit the bytes that the kernel holds for the peer (by the kernel's count)."""


class SocketTransport:
    """A connected, non-blocking, bare socket. Satisfies `Transport`."""

    __slots__ = ("_sock", "fileno", "receive", "sender")

    has_pending = False  # the kernel holds all received bytes

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.sender: Sender = sock
        self.receive: Callable[[int], bytes] = sock.recv
        self.fileno = sock.fileno

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """See `Transport`."""
        try:
            return self._sock.sendmsg(parts)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(self._sock)
            return 0

    async def linger(self) -> None:
        """See `Transport`."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not self._sock.recv(_DISCARD_BYTES):
                    return

    async def aclose(self, *, reset: bool) -> None:
        """See `Transport`. It does not block."""
        if reset:
            reset_on_close(self._sock)
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def limit_send_buffer(self, size: int) -> None:
        """See `Transport`."""
        limit_send_buffer(self._sock, size)

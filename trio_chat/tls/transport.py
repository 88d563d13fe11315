"""A TLS connection: a stream for HTTP, then the transport of a WebSocket.

`TlsSocket` encrypts and decrypts; this class waits. A WebSocket's outbox sends through `sender`,
which is that socket: a delivery over TLS is also a plain call.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import trio

from trio_chat.errors import Owed
from trio_chat.socket_options import acknowledge_now, limit_send_buffer, reset_on_close
from trio_chat.tls.socket import RECEIVE_BYTES, TlsSocket

_DISCARD_BYTES: Final = 64 * 1024

_PORTION_BYTES: Final = 64 * 1024
"""The most that the writer joins for one call: about what the hub sends in one turn."""


class TlsTransport(trio.abc.HalfCloseableStream):
    """The server's end of a TLS connection. Satisfies `trio_chat.websocket.transport.Transport`.

    The first receive includes the handshake, so its timeout limits both. After a cancelled send,
    owed ciphertext is still owed.

    Args:
        sock: Connected and non-blocking; `aclose` closes it.
        context: The certificate and the parameters of TLS.
        wait_for_turn: Awaited before each step of the handshake: a signature takes 0.5 ms or more,
            and a burst of handshakes must not block the event loop.
    """

    __slots__ = ("_has_ended", "_is_ready", "_tls", "_wait_for_turn", "sender", "socket")

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        wait_for_turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.socket = sock
        """For its options and its address only; never send or receive on it."""
        self._wait_for_turn = wait_for_turn
        self._tls = TlsSocket(sock, context)
        self.sender = self._tls
        """Sends at once; see `trio_chat.websocket.transport.Sender`."""
        self._is_ready = False
        self._has_ended = False

    # --- for HTTP --------------------------------------------------------------------------------

    async def do_handshake(self) -> None:
        """Complete the handshake, unless it is complete.

        Raises:
            trio.BrokenResourceError: The client has disconnected, or the handshake failed.
        """
        try:
            while not self._is_ready:
                await trio.lowlevel.wait_readable(self.socket)
                await self._wait_for_turn()
                with suppress(BlockingIOError):
                    self._is_ready = self._tls.shake_hands()
                await self._pay()
                # The client's last handshake message in TLS 1.3 has no answer to carry the
                # acknowledgement, and its request may wait behind.
                acknowledge_now(self.socket)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send all the data.

        Raises:
            trio.BrokenResourceError: The client has disconnected, or the handshake is incomplete:
                a server sends nothing before it has received something.
        """
        await trio.lowlevel.checkpoint()
        if not self._is_ready:
            raise trio.BrokenResourceError
        rest = memoryview(data)
        try:
            await self._pay()
            while rest:
                try:
                    rest = rest[self._tls.send(rest) :]
                except Owed as owed:
                    rest = rest[owed.begun :]
                    await self._pay()
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until nothing is owed."""
        await trio.lowlevel.checkpoint()
        await self._pay()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive bytes; empty once the client has ended its side.

        After `send_eof` the bytes are not decrypted, since the caller discards them.

        Raises:
            trio.BrokenResourceError: The handshake failed.
        """
        await self.do_handshake()
        while True:
            await self._wait_for_bytes()
            receive = self._receive_raw if self._has_ended else self._tls.receive
            with suppress(BlockingIOError):
                return receive(max_bytes or RECEIVE_BYTES)

    async def send_eof(self) -> None:
        """End this side, by TLS (close_notify) and by TCP.

        Raises:
            trio.BrokenResourceError: The client has disconnected.
        """
        self._has_ended = True
        self._tls.end()
        try:
            await self._pay()
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError from error

    # --- for a WebSocket -------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor, which becomes readable when bytes arrive."""
        return self.socket.fileno()

    @property
    def receive(self) -> Callable[[int], bytes]:
        """Receives without waiting; see `trio_chat.tls.socket.TlsSocket.receive`."""
        return self._tls.receive

    @property
    def has_pending(self) -> bool:
        """Whether `receive` may return more even if the descriptor is not readable."""
        return self._tls.has_pending

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send only owed ciphertext; or, if none is owed, the beginning of the joined parts.

        After a cancellation, owed ciphertext is still owed.

        Returns:
            The number of bytes of the parts that have been sent; nothing is owed then.

        Raises:
            Owed: The socket accepted only a part of the ciphertext.
            OSError: The connection is broken.
        """
        if not self._tls.pay():
            await self._pay()
            return 0
        return self._tls.send(_beginning(parts))

    async def linger(self) -> None:
        """End this side, and discard received bytes until the client ends."""
        with suppress(trio.BrokenResourceError):
            await self.send_eof()
            while await self.receive_some(_DISCARD_BYTES):
                pass

    async def aclose(self, *, reset: bool = False) -> None:
        """Close the socket, after a close_notify if the socket accepts it now.

        Args:
            reset: Whether the close reports a failure to the client.
        """
        if self.socket.fileno() == -1:
            return
        if reset:
            reset_on_close(self.socket)
        else:
            self._tls.end()
            with suppress(OSError):
                self._tls.pay()
        trio.lowlevel.notify_closing(self.socket)
        self.socket.close()

    def limit_send_buffer(self, size: int) -> None:
        """Limit the unacknowledged bytes in the kernel, as the kernel counts them."""
        limit_send_buffer(self.socket, size)

    # --- inside ----------------------------------------------------------------------------------

    async def _pay(self) -> None:
        """Wait until nothing is owed."""
        while not self._tls.pay():
            await trio.lowlevel.wait_writable(self.socket)

    async def _wait_for_bytes(self) -> None:
        # After our end nothing decrypts, so bytes buffered in OpenSSL stay there.
        if self._tls.has_pending and not self._has_ended:
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.wait_readable(self.socket)

    def _receive_raw(self, most: int) -> bytes:
        try:
            return self.socket.recv(most)
        except BlockingIOError:
            raise
        except OSError:
            return b""


def _beginning(parts: Sequence[bytes | memoryview]) -> bytes:
    """Join the leading parts, up to one portion; the last may be cut."""
    size = 0
    for count, part in enumerate(parts):
        size += len(part)
        if size >= _PORTION_BYTES:
            return b"".join((*parts[:count], part[: len(part) - (size - _PORTION_BYTES)]))
    return b"".join(parts)

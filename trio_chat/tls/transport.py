"""A TLS connection: a stream for HTTP, then the transport of a WebSocket.

`TlsSocket` encrypts and decrypts; this waits. A WebSocket's outbox sends through `sender`, which is
that socket: under TLS, too, a delivery is a plain call.
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
"""What the writer puts together for one call: what the hub sends in one turn, or most of it."""


class TlsTransport(trio.abc.HalfCloseableStream):
    """The server's end of a TLS connection. Satisfies `trio_chat.websocket.transport.Transport`.

    The handshake is part of the first receiving, so a limit on the time of that limits both. After
    a sending that was cancelled, what is owed is still owed.

    Args:
        sock: Connected and non-blocking; `aclose` closes it.
        context: The certificate and the parameters of TLS.
        wait_for_turn: Awaited before each step of the handshake: a signature takes a fraction of a
            millisecond or more, and a crowd must not take the event loop for itself.
    """

    __slots__ = ("_has_ended", "_is_ready", "_tls", "_wait_for_turn", "sender", "socket")

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        wait_for_turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.socket = sock
        """For its options and its address; nothing may be sent or received on it."""
        self._wait_for_turn = wait_for_turn
        self._tls = TlsSocket(sock, context)
        self.sender = self._tls
        """Sends at once; see `trio_chat.websocket.transport.Sender`."""
        self._is_ready = False
        self._has_ended = False

    # --- for HTTP --------------------------------------------------------------------------------

    async def do_handshake(self) -> None:
        """Shake hands, unless that is done.

        Raises:
            trio.BrokenResourceError: The client has gone, or speaks no TLS that we accept.
        """
        try:
            while not self._is_ready:
                await trio.lowlevel.wait_readable(self.socket)
                await self._wait_for_turn()
                with suppress(BlockingIOError):
                    self._is_ready = self._tls.shake_hands()
                await self._pay()
                # The client's last word in TLS 1.3 has no answer, and its request may wait behind.
                acknowledge_now(self.socket)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt the data and send it, all of it.

        Raises:
            trio.BrokenResourceError: The client has gone, or there was no handshake: a server has
                nothing to say before it has received something.
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
        """Receive something, or nothing once the client has ended its side.

        After our own end (`send_eof`) what comes is not decrypted: it is only good to be thrown
        away.

        Raises:
            trio.BrokenResourceError: The client speaks no TLS that we accept.
        """
        await self.do_handshake()
        while True:
            await self._wait_for_bytes()
            receive = self._receive_raw if self._has_ended else self._tls.receive
            with suppress(BlockingIOError):
                return receive(max_bytes or RECEIVE_BYTES)

    async def send_eof(self) -> None:
        """Tell the client, by TLS (close_notify) and by TCP, that nothing more will come.

        Raises:
            trio.BrokenResourceError: The client has gone.
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
        """Return the descriptor that becomes readable when bytes come."""
        return self.socket.fileno()

    @property
    def receive(self) -> Callable[[int], bytes]:
        """Receives without waiting; see `trio_chat.tls.socket.TlsSocket.receive`."""
        return self._tls.receive

    @property
    def has_pending(self) -> bool:
        """Whether `receive` may have more to return though the descriptor may not say so."""
        return self._tls.has_pending

    async def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send what is owed and nothing else; or else the beginning of the parts put together.

        Cancelled, it leaves owed what is owed.

        Returns:
            How many bytes of the parts have been sent; nothing is owed then.

        Raises:
            Owed: So many bytes have been encrypted, and the socket has not taken all of them.
            OSError: Nothing will be sent any more.
        """
        if not self._tls.pay():
            await self._pay()
            return 0
        return self._tls.send(_beginning(parts))

    async def linger(self) -> None:
        """Send nothing more, and read on until the other side ends."""
        with suppress(trio.BrokenResourceError):
            await self.send_eof()
            while await self.receive_some(_DISCARD_BYTES):
                pass

    async def aclose(self, *, reset: bool = False) -> None:
        """Close the socket, after a goodbye (close_notify) if there is room for it now.

        Args:
            reset: Whether the other side must learn that something went wrong.
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
        """Let the kernel hold so many bytes at most (as it counts them) that the peer has not."""
        limit_send_buffer(self.socket, size)

    # --- inside ----------------------------------------------------------------------------------

    async def _pay(self) -> None:
        """Wait until nothing is owed."""
        while not self._tls.pay():
            await trio.lowlevel.wait_writable(self.socket)

    async def _wait_for_bytes(self) -> None:
        # After our end nobody decrypts, so what OpenSSL has in hand stays there.
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
    """Put some parts together: as many as one portion holds, or a piece of a large one."""
    size = 0
    for count, part in enumerate(parts):
        size += len(part)
        if size >= _PORTION_BYTES:
            return b"".join((*parts[:count], part[: len(part) - (size - _PORTION_BYTES)]))
    return b"".join(parts)

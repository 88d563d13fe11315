"""An accepted socket with TLS on it, to be used like one without.

`trio.SSLStream` does the work, on a wire of our own instead of a `trio.SocketStream`: that one
gives up its turn once more for each write, and closes its socket where it ought to be half-closed.
"""

import socket
import ssl
from contextlib import suppress
from typing import Final

import trio

# One whole TLS record, 16 KiB and what goes around it, so that none takes two reads.
_WIRE_BYTES: Final = 17 * 1024


class TlsStream(trio.abc.HalfCloseableStream):
    """The server's end of a TLS connection.

    The handshake is part of the first sending or receiving, so whoever limits the time of that
    limits both. As with any `trio.SSLStream`, after a sending that was cancelled there is nothing
    to do but to close it; and so after a receiving that was cancelled during the handshake.

    Args:
        sock: Connected and non-blocking; the stream closes it.
        context: The certificate, and everything that TLS is to be like.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = sock
        """For its options and its address; nothing may be sent or received on it."""
        self._wire = _Wire(sock)
        self._tls = trio.SSLStream(self._wire, context, server_side=True)
        self._has_ended = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt the data and send it, all of it.

        Raises:
            trio.BrokenResourceError: The client is gone, or does not speak TLS as we do.
        """
        await self._tls.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room for a little."""
        await self._tls.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive something, or nothing once the client has ended its side.

        After our own end (`send_eof`) what comes is no longer decrypted: it is good for nothing but
        to be thrown away, until there is no more.

        Raises:
            trio.BrokenResourceError: The client is gone, or does not speak TLS as we do.
        """
        if self._has_ended:
            return await self._wire.receive_some(max_bytes)
        return await self._tls.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Tell the client, by TLS (close_notify) and by TCP, that nothing more will come."""
        self._has_ended = True
        await self._tls.aclose()

    async def aclose(self) -> None:
        """Tell the client that nothing more will come, and close the socket.

        It waits until the words are sent, not for an answer. Cancelled, it closes without them.
        """
        try:
            await self._tls.aclose()
        finally:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()


class _Wire(trio.abc.Stream):
    """What `trio.SSLStream` sends to and receives from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it; without a checkpoint if there is room, for there was one already."""
        rest = memoryview(data)
        try:
            while rest:
                try:
                    rest = rest[self._sock.send(rest) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._sock)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await trio.lowlevel.wait_writable(self._sock)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what there is."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                with suppress(BlockingIOError):
                    return self._sock.recv(max_bytes or _WIRE_BYTES)
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def aclose(self) -> None:
        """End our side only: closing the socket is the business of `TlsStream`."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

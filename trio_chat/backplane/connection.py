"""One connection to Redis, plain or with TLS, which sends without waiting."""

import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final

import trio

from trio_chat.backplane.address import Address
from trio_chat.errors import Outage

CONNECT_SECONDS: Final = 3.0
"""Time limit of a connect, including its TLS handshake."""

RECEIVE_BYTES: Final = 64 * 1024
"""Size of one read: some hundred payloads, which then wake the hub once."""

LOST: Final = "the connection was lost"
LATE: Final = "it did not answer in time"

# Raised without TLS and with TLS.
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_CUT: Final = (
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Connection:
    """A connected socket, and the bytes that it still has to send.

    Args:
        sock: Non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent = bytearray()
        """Unsent bytes. After a TLS socket refuses bytes, offer the same bytes again."""
        self._refused = trio.lowlevel.ParkingLot()

    @property
    def unsent_bytes(self) -> int:
        """Return the number of bytes that the kernel has not accepted."""
        return len(self._unsent)

    @property
    def has_unread(self) -> bool:
        """Return whether received bytes wait in the kernel."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, data: bytes) -> None:
        """Send the bytes that the kernel accepts now; `send_rest` sends the rest.

        This never fails: on a broken connection `send_rest` and `receive` raise.
        """
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self._unsent += data[sent:]
            self._refused.unpark_all()

    async def send_rest(self) -> None:
        """Send unsent bytes until cancelled.

        Raises:
            Outage: The connection is broken.
        """
        while True:
            while not self._unsent:
                await self._refused.park()
            await trio.lowlevel.wait_writable(self._sock)
            try:
                sent = self._sock.send(self._unsent)
            except _NOT_NOW:
                continue
            except OSError as error:
                raise Outage(reason(error)) from error
            del self._unsent[:sent]

    async def receive(self) -> bytes:
        """Wait for bytes and return them. A cancellation loses none.

        Raises:
            Outage: The connection is broken, or Redis has closed it.
        """
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            await trio.lowlevel.checkpoint()  # these bytes are in the TLS layer
        else:
            await trio.lowlevel.wait_readable(self._sock)
        while True:
            try:
                data = self._sock.recv(RECEIVE_BYTES)
            except _NOT_NOW:
                await trio.lowlevel.wait_readable(self._sock)
                continue
            except OSError as error:
                raise Outage(reason(error)) from error
            if not data:
                raise Outage(LOST)
            return data


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Connection]:
    """Keep a connection open within the block.

    Raises:
        Outage: The connect failed, or took longer than `CONNECT_SECONDS`.
    """
    try:
        sock = await _connect(address)
    except OSError as error:  # of ssl, too
        raise Outage(reason(error)) from error
    try:
        yield Connection(sock)
    finally:
        trio.lowlevel.notify_closing(sock)
        sock.close()


async def _connect(address: Address) -> socket.socket:
    with trio.move_on_after(CONNECT_SECONDS):
        stream = await trio.open_tcp_stream(address.host, address.port)
        sock = socket.socket(fileno=stream.socket.detach())
        sock.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        if address.tls is None:
            return sock
        secure = address.tls.wrap_socket(
            sock, server_hostname=address.host, do_handshake_on_connect=False
        )
        with ExitStack() as stack:
            stack.enter_context(secure)
            await _shake_hands(secure)
            stack.pop_all()
        return secure
    raise Outage(LATE)


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    while True:
        try:
            return sock.do_handshake()
        except ssl.SSLWantReadError:
            await trio.lowlevel.wait_readable(sock)
        except ssl.SSLWantWriteError:
            await trio.lowlevel.wait_writable(sock)


def reason(error: OSError) -> str:
    """Return the reason of a failed connection in a few words."""
    cause: BaseException = error
    while isinstance(cause.__cause__, Exception):  # trio tried several addresses
        cause = cause.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"invalid certificate: {cause.verify_message}"
    if isinstance(cause, _CUT):
        return LOST
    return (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__

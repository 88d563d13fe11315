"""One connection to Redis, plain or with TLS: bytes out without waiting, bytes in."""

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
"""Longest that a connection may take to be made, its TLS handshake included."""

RECEIVE_BYTES: Final = 64 * 1024
"""Read at a time: some hundred messages, which then wake the hub once."""

LOST: Final = "the connection was lost"
LATE: Final = "it did not answer in time"

# Without TLS, and with it.
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_CUT: Final = (
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Connection:
    """A connected socket, and what it still owes.

    Args:
        sock: Non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._owed = bytearray()
        """Bytes to be sent first. A TLS socket that refused some must be offered them again."""
        self._debt = trio.lowlevel.ParkingLot()

    @property
    def owed_bytes(self) -> int:
        """The number of bytes that the kernel has not taken."""
        return len(self._owed)

    @property
    def has_unread(self) -> bool:
        """Whether bytes of Redis wait to be read."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, data: bytes) -> None:
        """Send bytes at once, as far as the kernel takes them; `pay` sends the rest.

        Never fails: if the connection is broken, `pay` and `receive` find that out.
        """
        if self._owed:
            self._owed += data
            return
        try:
            sent = self._sock.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self._owed += data[sent:]
            self._debt.unpark_all()

    async def pay(self) -> None:
        """Send what is owed, now and later, until cancelled.

        Raises:
            Outage: The connection is broken.
        """
        while True:
            while not self._owed:
                await self._debt.park()
            await trio.lowlevel.wait_writable(self._sock)
            try:
                sent = self._sock.send(self._owed)
            except _NOT_NOW:
                continue
            except OSError as error:
                raise Outage(reason(error)) from error
            del self._owed[:sent]

    async def receive(self) -> bytes:
        """Wait for bytes. A cancellation loses none.

        Raises:
            Outage: The connection is broken, or Redis has closed it.
        """
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            await trio.lowlevel.checkpoint()  # the kernel does not know of these bytes
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
    """Connect for as long as the block lasts.

    Raises:
        Outage: There is no connection within `CONNECT_SECONDS`.
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
    """Say in a few words why there is no connection."""
    cause: BaseException = error
    while isinstance(cause.__cause__, Exception):  # of several addresses that were tried
        cause = cause.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"invalid certificate: {cause.verify_message}"
    if isinstance(cause, _CUT):
        return LOST
    return (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__

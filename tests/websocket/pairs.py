"""An outbox on a real socket pair; what is taken of it is counted, and can be held back."""

import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import trio
from attrs import define, field

from tests.certificates import client_context
from tests.tls.context import server_context
from tests.websocket.wire import RESET_ON_CLOSE, TIMEOUT_SECONDS
from trio_chat.tls.stream import TlsStream
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport, StreamTransport


@define(eq=False)
class Tap:
    """A socket that takes at most so much at once, and counts it.

    Attributes:
        sock: The real one.
        most: The most bytes it takes with one call; 0 makes it take nothing.
        taken: How many it has taken in all.
    """

    sock: socket.socket
    most: int = 1 << 30
    taken: int = 0

    def fileno(self) -> int:
        """For the event loop."""
        return self.sock.fileno()

    def send(self, data: bytes | memoryview) -> int:
        """Send the beginning of the data.

        Raises:
            BlockingIOError: Nothing fits just now.
        """
        if not self.most:
            raise BlockingIOError
        sent = self.sock.send(memoryview(data)[: self.most])
        self.taken += sent
        return sent

    def sendmsg(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send the beginning of the parts put together; see `send`."""
        return self.send(b"".join(parts))

    def recv(self, size: int) -> bytes:
        """Receive."""
        return self.sock.recv(size)

    def shutdown(self, how: int) -> None:
        """End one side."""
        self.sock.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    @property
    def begun(self) -> int:
        """How many of the bytes offered can't be held back any more."""
        return self.taken


class CountingTls(trio.abc.HalfCloseableStream):
    """TLS that counts what goes through it, before it is encrypted.

    Attributes:
        begun: How many bytes it has been given.
        taken: How many of them the socket has taken.
    """

    def __init__(self, tls: TlsStream) -> None:
        self.tls = tls
        self.begun = self.taken = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, and count."""
        self.begun += len(data)
        await self.tls.send_all(data)
        self.taken = self.begun

    async def wait_send_all_might_not_block(self) -> None:
        """Pass it on."""
        await self.tls.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Pass it on."""
        return await self.tls.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Pass it on."""
        await self.tls.send_eof()

    async def aclose(self) -> None:
        """Pass it on."""
        await self.tls.aclose()


class TlsPeer:
    """The client's end of TLS on a non-blocking socket. Its handshake goes on with each `recv`.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(
            self._incoming, self._outgoing, server_hostname="localhost"
        )

    def fileno(self) -> int:
        """For the event loop."""
        return self._sock.fileno()

    def shake_hands(self) -> bool:
        """Do what can be done of it now; whether it is done."""
        with suppress(BlockingIOError):
            self._incoming.write(self._sock.recv(1 << 16))
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._sock.send(self._outgoing.read())
        return True

    def recv(self, most: int) -> bytes:
        """What has arrived, with so many bytes more from the socket; empty: half a record.

        Raises:
            BlockingIOError: Nothing has.
        """
        self._incoming.write(self._sock.recv(most))
        received = b""
        with suppress(ssl.SSLWantReadError):
            while True:
                received += self._tls.read(1 << 16)
        return received

    def send(self, data: bytes) -> None:
        """Send all of it; there is to be room."""
        self._tls.write(data)
        self._sock.sendall(self._outgoing.read())

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """Set an option of the socket."""
        self._sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close the socket without a word."""
        self._sock.close()


@define(eq=False)
class Pair:
    """An outbox, and the other end of its socket.

    Attributes:
        outbox: What is tested.
        tap: The socket it writes to.
        counter: What counts what it writes.
        peer: The other end, non-blocking.
        drops: How often the outbox said that the client was dropped.
    """

    outbox: Outbox
    tap: Tap
    counter: Tap | CountingTls
    peer: socket.socket | TlsPeer
    drops: list[None] = field(factory=list)

    def offer(self, *frames: bytes) -> None:
        """Offer frames in one call."""
        self.outbox.offer(frames, b"".join(frames))

    def read(self, most: int = 1 << 20) -> bytes:
        """What has arrived, at most so many bytes of it."""
        try:
            return self.peer.recv(most)
        except BlockingIOError:
            return b""

    async def read_exactly(self, size: int) -> bytes:
        """Wait for so many bytes."""
        received = bytearray()
        while len(received) < size:
            await trio.lowlevel.wait_readable(self.peer)
            data = self.peer.recv(size - len(received))
            assert data or isinstance(self.peer, TlsPeer), "the stream ended"
            received += data
        return bytes(received)

    def reset(self) -> None:
        """Close the other end by a reset."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.peer.close()


@contextmanager
def outbox_pair(
    *,
    max_frames: int = 256,
    max_bytes: int = 1 << 20,
    write_timeout_seconds: float = 10.0,
    most: int = 1 << 30,
) -> Iterator[Pair]:
    """An outbox on a socket whose buffers are as small as the kernel makes them.

    Args:
        max_frames: See `Outbox`.
        max_bytes: See `Outbox`.
        write_timeout_seconds: See `Outbox`.
        most: The most bytes the socket takes at once.
    """
    ours, peer = socket.socketpair()
    with ours, peer:
        for end in (ours, peer):
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        tap = Tap(ours, most)
        drops: list[None] = []
        outbox = Outbox(
            SocketTransport(tap),  # type: ignore[arg-type]
            max_frames=max_frames,
            max_bytes=max_bytes,
            write_timeout_seconds=write_timeout_seconds,
            on_full=lambda: drops.append(None),
        )
        yield Pair(outbox, tap, tap, peer, drops)


@asynccontextmanager
async def tls_outbox_pair(
    *, max_frames: int = 256, max_bytes: int = 1 << 20, write_timeout_seconds: float = 10.0
) -> AsyncIterator[Pair]:
    """An outbox over TLS, after the handshake; see `outbox_pair`."""
    with outbox_pair() as plain:
        assert isinstance(plain.peer, socket.socket)
        peer = TlsPeer(plain.peer)
        stream = CountingTls(TlsStream(plain.tap, server_context()))  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"")  # the handshake alone
            while not peer.shake_hands():
                await trio.lowlevel.checkpoint()
        drops: list[None] = []
        outbox = Outbox(
            StreamTransport(stream, plain.tap.sock),
            max_frames=max_frames,
            max_bytes=max_bytes,
            write_timeout_seconds=write_timeout_seconds,
            on_full=lambda: drops.append(None),
        )
        yield Pair(outbox, plain.tap, stream, peer, drops)


@asynccontextmanager
async def writer(pair: Pair) -> AsyncIterator[None]:
    """The outbox's writer runs meanwhile."""
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.drain_forever)
            yield
            nursery.cancel_scope.cancel()

"""An outbox on a real socket pair; what is taken of it is counted, and can be held back."""

import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio
from attrs import define, field

from tests.tls.peer import TlsPeer, server_context
from tests.websocket.wire import RESET_ON_CLOSE, TIMEOUT_SECONDS
from trio_chat.tls.transport import TlsTransport
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport, Transport

RECORD_HEADER_BYTES = 5
RECORD_OVERHEAD_BYTES = 17
"""A record's tag, and the byte that says what is in it (RFC 8446 section 5.2)."""


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

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self.sock, name)

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

    @property
    def begun(self) -> int:
        """How many of the bytes offered can't be held back any more."""
        return self.taken


@define(eq=False)
class RecordTap(Tap):
    """A socket that takes TLS 1.3 records, and counts the bytes that are encrypted in them.

    It knows nothing of who encrypts: it looks at what it is offered. All of that is encrypted, and
    what it does not take must be offered again, before anything else. While any of that is left,
    nothing that was offered with it counts as taken.

    Attributes:
        offered: All ciphertext, in order.
        passed: How much of that the socket has taken.
    """

    offered: bytearray = field(factory=bytearray)
    passed: int = 0

    def send(self, data: bytes | memoryview) -> int:
        """Send the beginning of the data; see `Tap`."""
        old = bytes(self.offered[self.passed :])
        assert bytes(data[: len(old)]) == old, "what was owed was not offered first"
        self.offered += data[len(old) :]
        before = self.taken
        sent = super().send(data)
        self.passed += sent
        self.taken = self.begun if self.passed == len(self.offered) else before
        return sent

    @property
    def begun(self) -> int:
        """How many bytes have been encrypted."""
        start = plain = 0
        while start < len(self.offered):
            size = int.from_bytes(self.offered[start + 3 : start + RECORD_HEADER_BYTES])
            start += RECORD_HEADER_BYTES + size
            plain += size - RECORD_OVERHEAD_BYTES
        return plain


@define(eq=False)
class Pair:
    """An outbox, and the other end of its socket.

    Attributes:
        outbox: What is tested.
        tap: The socket it writes to.
        peer: The other end, non-blocking.
        drops: How often the outbox said that the client was dropped.
        transport: What is between outbox and socket.
    """

    outbox: Outbox
    tap: Tap
    peer: socket.socket | TlsPeer
    drops: list[None] = field(factory=list)
    transport: Transport | None = None

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
        yield Pair(outbox, tap, peer, drops)


@asynccontextmanager
async def plain_outbox_pair(**bounds: Any) -> AsyncIterator[Pair]:  # noqa: ANN401 - see there
    """The same, as asynchronous as `tls_outbox_pair`."""
    with outbox_pair(**bounds) as pair:
        yield pair


@asynccontextmanager
async def tls_outbox_pair(
    *, max_frames: int = 256, max_bytes: int = 1 << 20, write_timeout_seconds: float = 10.0
) -> AsyncIterator[Pair]:
    """An outbox over TLS, after the handshake; see `outbox_pair`."""
    with outbox_pair() as plain:
        assert isinstance(plain.peer, socket.socket)
        peer = TlsPeer(plain.peer)
        # It counts only what comes after the handshake.
        transport = TlsTransport(plain.tap, server_context(), trio.lowlevel.checkpoint)  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.do_handshake)
            while not peer.shake_hands():
                await trio.lowlevel.checkpoint()
        transport.sender._sock = tap = RecordTap(plain.tap.sock)  # type: ignore[assignment]
        drops: list[None] = []
        outbox = Outbox(
            transport,
            max_frames=max_frames,
            max_bytes=max_bytes,
            write_timeout_seconds=write_timeout_seconds,
            on_full=lambda: drops.append(None),
        )
        yield Pair(outbox, tap, peer, drops, transport)


@asynccontextmanager
async def writer(pair: Pair) -> AsyncIterator[None]:
    """The outbox's writer runs meanwhile."""
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.drain_forever)
            yield
            nursery.cancel_scope.cancel()

"""An outbox on a real socket pair that accepts as much as the test wants."""

import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import trio
from attrs import define, field

from tests.tls.peer import TlsPeer, server_context
from tests.websocket.wire import RESET_ON_CLOSE, TIMEOUT_SECONDS
from trio_chat.settings import Settings
from trio_chat.tls.transport import TlsTransport
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport, Transport

RECORD_HEADER_BYTES = 5
RECORD_OVERHEAD_BYTES = 17
"""The tag of a record, and its content type (RFC 8446 section 5.2)."""


@define(eq=False)
class Tap:
    """A socket that takes at most `most` bytes at once, and counts them in `taken`."""

    sock: socket.socket
    most: int = 1 << 30
    taken: int = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self.sock, name)

    def send(self, data: bytes | memoryview) -> int:
        if not self.most:
            raise BlockingIOError
        sent = self.sock.send(memoryview(data)[: self.most])
        self.taken += sent
        return sent

    def sendmsg(self, parts: Sequence[bytes | memoryview]) -> int:
        return self.send(b"".join(parts))

    @property
    def begun(self) -> int:
        """The number of bytes that must be sent whatever happens."""
        return self.taken


@define(eq=False)
class RecordTap(Tap):
    """A socket that takes TLS 1.3 records, and counts the encrypted bytes in them.

    Ciphertext that it does not take must be offered again, before anything else. Until then,
    nothing that was offered with it counts as taken.

    Attributes:
        offered: All ciphertext, in order.
        passed: How much of it the socket has taken.
    """

    offered: bytearray = field(factory=bytearray)
    passed: int = 0

    def send(self, data: bytes | memoryview) -> int:
        old = bytes(self.offered[self.passed :])
        assert bytes(data[: len(old)]) == old, "owed bytes were not offered first"
        self.offered += data[len(old) :]
        before = self.taken
        sent = super().send(data)
        self.passed += sent
        self.taken = self.begun if self.passed == len(self.offered) else before
        return sent

    @property
    def begun(self) -> int:
        start = plain = 0
        while start < len(self.offered):
            size = int.from_bytes(self.offered[start + 3 : start + RECORD_HEADER_BYTES])
            start += RECORD_HEADER_BYTES + size
            plain += size - RECORD_OVERHEAD_BYTES
        return plain


@define(eq=False)
class Pair:
    """An outbox, the socket it writes to, and the other end; `drops` has its calls of `on_full`."""

    outbox: Outbox
    tap: Tap
    peer: socket.socket | TlsPeer
    drops: list[None] = field(factory=list)

    def offer(self, *frames: bytes) -> None:
        self.outbox.offer(frames, b"".join(frames))

    def read(self, most: int = 1 << 20) -> bytes:
        try:
            return self.peer.recv(most)
        except BlockingIOError:
            return b""

    async def read_exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            await trio.lowlevel.wait_readable(self.peer)
            data = self.peer.recv(size - len(received))
            assert data or isinstance(self.peer, TlsPeer), "the stream ended"
            received += data
        return bytes(received)

    def reset(self) -> None:
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.peer.close()


def make_pair(
    transport: Transport,
    tap: Tap,
    peer: socket.socket | TlsPeer,
    **settings: Any,  # noqa: ANN401 - any setting
) -> Pair:
    drops: list[None] = []
    on_full = partial(drops.append, None)
    return Pair(Outbox(transport, Settings(**settings), on_full), tap, peer, drops)


@contextmanager
def outbox_pair(*, most: int = 1 << 30, **settings: Any) -> Iterator[Pair]:  # noqa: ANN401
    """Make an outbox on a socket with the smallest buffers that the kernel allows."""
    ours, peer = socket.socketpair()
    with ours, peer:
        for end in (ours, peer):
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        tap = Tap(ours, most)
        yield make_pair(SocketTransport(tap), tap, peer, **settings)  # type: ignore[arg-type]


@asynccontextmanager
async def plain_outbox_pair(**settings: Any) -> AsyncIterator[Pair]:  # noqa: ANN401 - see there
    with outbox_pair(**settings) as pair:
        yield pair


@asynccontextmanager
async def tls_outbox_pair(**settings: Any) -> AsyncIterator[Pair]:  # noqa: ANN401
    """Make an outbox over TLS, after the handshake."""
    with outbox_pair() as plain:
        assert isinstance(plain.peer, socket.socket)
        peer = TlsPeer(plain.peer)
        transport = TlsTransport(plain.tap, server_context(), trio.lowlevel.checkpoint)  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.do_handshake)
            while not peer.shake_hands():
                await trio.lowlevel.checkpoint()
        transport.sender._sock = tap = RecordTap(plain.tap.sock)  # type: ignore[assignment]
        yield make_pair(transport, tap, peer, **settings)


@asynccontextmanager
async def writer(pair: Pair) -> AsyncIterator[None]:
    """Run the writer of the outbox."""
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.drain_forever)
            yield
            nursery.cancel_scope.cancel()

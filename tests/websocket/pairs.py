"""An outbox on a real socket pair; what its socket takes is counted, and can be held back."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import trio
from attrs import define, field

from tests.websocket.wire import RESET_ON_CLOSE
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport


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


@define(eq=False)
class Pair:
    """An outbox, and the other end of its socket.

    Attributes:
        outbox: What is tested.
        tap: What it writes to.
        peer: The other end, non-blocking.
        drops: How often the outbox said that the client was dropped.
    """

    outbox: Outbox
    tap: Tap
    peer: socket.socket
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
            assert data, "the stream ended"
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

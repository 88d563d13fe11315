"""Clients on real sockets, and what each must get (docs/reference/wire.md, promise 6)."""

import json
import socket
from collections.abc import Iterable, Sequence

import trio
import trio.testing

from tests.hub.scene import ROOM
from tests.support.frames import take_frame
from trio_chat.errors import CommandError
from trio_chat.hub.requests import Join
from trio_chat.hub.subscription import Subscription
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import Encoding, text_frame
from trio_chat.protocol.events import Author
from trio_chat.protocol.messages import History
from trio_chat.store.base import Store
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport

HISTORY_EVENTS = 5

# The kernel makes of it the least it allows, some 4 KiB: a dozen frames.
_TINY_BUFFER_BYTES = 1


class CountingSocket(socket.socket):
    """A socket that knows how many bytes it has taken."""

    taken = 0

    def send(self, data: bytes) -> int:  # type: ignore[override]
        """Send, and count."""
        sent = super().send(data)
        self.taken += sent
        return sent

    def sendmsg(self, buffers: Iterable[bytes | memoryview]) -> int:  # type: ignore[override]
        """Send, and count."""
        sent = super().sendmsg(buffers)
        self.taken += sent
        return sent


class Client:
    """A member with a real outbox, beside the plainest account of what is in it.

    Every call is passed on to the outbox and then held to the account: the client is dropped with
    the frame that would be one too many to wait, and with no other.

    Args:
        name: The user.
        max_frames: How many frames may wait.
        max_bytes: How many bytes may wait.
    """

    encoding = Encoding.PLAIN
    held_frames = 64
    held_bytes = 65536

    def __init__(self, name: str, max_frames: int, max_bytes: int) -> None:
        server_end, self._peer = socket.socketpair()
        self._sock = CountingSocket(fileno=server_end.detach())
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _TINY_BUFFER_BYTES)
        self._sock.settimeout(0)
        self._peer.settimeout(0)
        self.name = name
        self.max_frames = max_frames
        self.max_bytes = max_bytes
        self.author = Author(name, "")
        self.admission: Subscription | None = None
        self.is_dropped = False
        self.received = bytearray()
        self.outbox = Outbox(
            SocketTransport(self._sock),
            max_frames=max_frames,
            max_bytes=max_bytes,
            write_timeout_seconds=10,
            on_full=self._on_full,
        )
        self._offered: list[bytes] = []
        self._due = b""  # after a drop: all that may still arrive

    # --- for the hub -----------------------------------------------------------------------------

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Pass it on; count each frame that the socket has not taken all of."""
        was_dropped = self.is_dropped
        self.outbox.offer(frames, joined)
        if not was_dropped:
            self._account(frames)

    def turn_away(self, join: Join, error: CommandError) -> None:  # noqa: ARG002
        """Fail the test: the store has no outage here."""
        raise error

    def refuse(self, error: CommandError) -> None:
        """Fail the test: the hub refuses nothing here."""
        raise error

    def admit(self, admission: Subscription) -> None:
        """Be held until `release`."""
        self.admission = admission

    # --- for the test ----------------------------------------------------------------------------

    async def release(self, store: Store, *, waits: bool = False) -> None:
        """Read the history up to the cut and take part, as a connection does.

        Args:
            store: What is read.
            waits: Whether what was not held is sent no faster than it fits into the queue.
        """
        assert self.admission is not None
        page = await store.read_before(ROOM, self.admission.cut + 1, HISTORY_EVENTS)
        history = text_frame(encode(History(ROOM, page.events, page.more, 0)))
        gap = self.admission.activate([history] if page.events else [])
        while gap is not None:
            page = await store.read_after(ROOM, gap.after, gap.upto - gap.after)
            for event in page.events:
                frame = text_frame(encode(event))
                if waits:
                    await self.outbox.wait_to_fit(
                        len(frame) + self.held_bytes, 1 + self.held_frames
                    )
                self.offer([frame], frame)
            gap = self.admission.activate([])

    def read(self, size: int) -> bool:
        """Take so many bytes from the socket, if they are there; False if nothing was."""
        try:
            data = self._peer.recv(size)
        except BlockingIOError:
            return False
        self.received += data
        return bool(data)

    async def read_forever(self) -> None:
        """Be a fast client."""
        while True:
            await trio.lowlevel.wait_readable(self._peer)
            self.read(1 << 16)

    async def read_all(self) -> None:
        """Read until the writer, who has had every chance, has nothing left to write."""
        await trio.testing.wait_all_tasks_blocked()
        while self.read(1 << 16):
            await trio.testing.wait_all_tasks_blocked()

    def check_received(self) -> None:
        """All that was offered has come; after a drop, what had begun, whole, and no more."""
        assert self.received == (self._due if self.is_dropped else b"".join(self._offered))

    def received_seqs(self) -> list[int]:
        """The ``seq`` of each event that came, those in the history included."""
        seqs: list[int] = []
        rest = bytearray(self.received)
        while rest:
            frame = take_frame(rest)
            assert frame is not None, "half a frame at the end"
            wire = json.loads(frame.payload)
            events = wire["history"] if wire["type"] == "history" else [wire]
            seqs.extend(event["seq"] for event in events if "seq" in event)
        return seqs

    def close(self) -> None:
        """Close both ends."""
        self._sock.close()
        self._peer.close()

    # --- the account -----------------------------------------------------------------------------

    @property
    def waiting(self) -> list[bytes]:
        """The frames that count: offered and not taken whole."""
        return [frame for end, frame in self._ends() if end > self._sock.taken]

    def _ends(self) -> list[tuple[int, bytes]]:
        end = 0
        return [(end := end + len(frame), frame) for frame in self._offered]

    def _account(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self._offered.append(frame)
            if self._ends()[-1][0] <= self._sock.taken:
                continue  # the socket took it, whatever else waits
            waiting = self.waiting
            if len(waiting) > self.max_frames or sum(map(len, waiting)) > self.max_bytes:
                assert self.is_dropped, "one more than may wait waits"
                begun = [one for end, one in self._ends() if end - len(one) < self._sock.taken]
                self._due = b"".join(begun)
                return
        assert not self.is_dropped, "dropped, though all that waits may wait"
        assert self.outbox.waiting_frames == len(self.waiting)

    def _on_full(self) -> None:
        assert not self.is_dropped, "dropped twice"
        self.is_dropped = True

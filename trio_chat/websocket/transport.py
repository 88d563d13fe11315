"""What carries the bytes of one WebSocket: all that the connection asks of its socket.

There are three who ask: the outbox sends, the stream reads, and the connection ends it.
"""

import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import trio

from trio_chat.websocket.watch import RECEIVE_BYTES, Take, Watch

_DISCARD_BYTES: Final = 64 * 1024
# What the hub sends in one turn, or most of it: a writer has one write for each turn of the event
# loop, and is not to fall behind. And no more, for what has begun is not discarded at a drop.
_PORTION_BYTES: Final = 64 * 1024
# The words of goodbye take no time unless the client reads nothing; then they are not worth much.
_GOODBYE_SECONDS: Final = 1.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


class Sender(Protocol):
    """Who sends without waiting. A bare socket is one."""

    def send(self, data: bytes, /) -> int:
        """Send the beginning of some bytes right now, and say how many were taken.

        Raises:
            BlockingIOError: None can be taken just now.
            OSError: None ever will.
        """


class Transport(Protocol):
    """A connected socket, or something that can do the same."""

    @property
    def sender(self) -> Sender:
        """Who sends at once. It is called for each delivery: the socket itself if there is one."""

    async def write(
        self, parts: Sequence[bytes | memoryview], commit: Callable[[int], None]
    ) -> int:
        """Send the beginning of the parts put together, or wait until there is room for it.

        After a wait it may return without having sent anything: who calls may have other parts by
        then. A cancellation while it waits may leave some of it sent; nothing can be sent after it.

        Args:
            parts: What is to be sent, in order.
            commit: Called at most once, before waiting, with the number of parts at the front
                that will be sent whole whatever happens meanwhile.

        Returns:
            How many bytes have been sent.

        Raises:
            OSError: Nothing will be sent any more.
        """

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when bytes come."""

    def receive_nowait(self) -> bytes:
        """Return at most 16 KiB of what has come; none at the end, whatever ended it.

        Raises:
            BlockingIOError: Nothing has come.
        """

    @property
    def has_pending(self) -> bool:
        """Whether `receive_nowait` has more to return though the descriptor may not say so."""

    async def receive(self, take: Take) -> bytes:
        """Wait for bytes; none at the end, whatever ended it. Can be cancelled without loss.

        Args:
            take: May be offered what comes, while this waits on; what it takes is not returned.
        """

    async def linger(self) -> None:
        """Send nothing more, and read on until the other side ends.

        Closing with bytes unread would reset, and lose what is on its way to the other side.
        Afterwards there is nothing left to do but to close; after a cancellation too.
        """

    async def aclose(self, *, reset: bool) -> None:
        """Release the socket, in bounded time though shielded from cancellation.

        Args:
            reset: Whether the other side is to be told that something went wrong: then nothing
                that is still on its way will arrive.
        """

    def limit_send_buffer(self, size: int) -> None:
        """Let the kernel hold so many bytes at most (as it counts them) that the peer has not."""


class SocketTransport:
    """A bare socket. Satisfies `Transport`.

    Args:
        sock: Connected and non-blocking.
        watch: Reads it while nothing out of the ordinary comes; None: it waits for itself.
    """

    __slots__ = ("_sock", "_watch", "sender")

    has_pending = False  # the kernel has all of it

    def __init__(self, sock: socket.socket, watch: Watch | None = None) -> None:
        self._sock = sock
        self._watch = watch
        self.sender: Sender = sock

    async def write(
        self,
        parts: Sequence[bytes | memoryview],
        commit: Callable[[int], None],  # noqa: ARG002 - what it has not sent may be taken back
    ) -> int:
        """See `Transport`."""
        try:
            return self._sock.sendmsg(parts)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(self._sock)
            return 0

    def fileno(self) -> int:
        """See `Transport`."""
        return self._sock.fileno()

    def receive_nowait(self) -> bytes:
        """See `Transport`."""
        try:
            return self._sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            raise
        except OSError:
            return b""

    async def receive(self, take: Take) -> bytes:
        """See `Transport`."""
        if self._watch is not None and self._watch.is_of_use:
            return await self._watch.rest(self._sock, take)
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            with suppress(BlockingIOError):
                return self.receive_nowait()

    async def linger(self) -> None:
        """See `Transport`."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not self._sock.recv(_DISCARD_BYTES):
                    return
        except OSError:
            return

    async def aclose(self, *, reset: bool) -> None:
        """See `Transport`; it takes no time at all."""
        if reset:
            _reset_on_close(self._sock)
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def limit_send_buffer(self, size: int) -> None:
        """See `Transport`."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


class StreamTransport:
    """A stream on a socket, as of TLS: there is no sending at once. Satisfies `Transport`.

    Everything is sent by `write`, and so by the outbox's writer, one portion after the other: some
    whole parts, or a piece of a large one. What is in the portion has begun, and is committed.

    Args:
        stream: Ready to send and to receive.
        sock: The socket under it, for its options.
    """

    __slots__ = ("_is_cut", "_sock", "_stream")

    has_pending = False

    def __init__(self, stream: trio.abc.HalfCloseableStream, sock: socket.socket) -> None:
        self._stream = stream
        self._sock = sock
        self._is_cut = False

    @property
    def sender(self) -> Sender:
        """See `Transport`."""
        return self

    def send(self, data: bytes, /) -> int:  # noqa: ARG002 - whatever it is
        """Take nothing at once; see `Sender`."""
        raise BlockingIOError

    async def write(
        self, parts: Sequence[bytes | memoryview], commit: Callable[[int], None]
    ) -> int:
        """See `Transport`; it always sends something."""
        count = _portion(parts)
        commit(count)
        data = parts[0][:_PORTION_BYTES] if count == 1 else b"".join(parts[:count])
        # It stays cut if this raises, or is cancelled: half a record may have been sent.
        self._is_cut = True
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise BrokenPipeError from error
        self._is_cut = False
        return len(data)

    def fileno(self) -> int:
        """See `Transport`."""
        return self._sock.fileno()

    def receive_nowait(self) -> bytes:
        """Return nothing: only `receive` can decrypt."""
        raise BlockingIOError

    async def receive(self, take: Take) -> bytes:  # noqa: ARG002 - what comes is decrypted first
        """See `Transport`."""
        try:
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        except trio.BrokenResourceError:
            return b""

    async def linger(self) -> None:
        """See `Transport`."""
        with suppress(trio.BrokenResourceError):
            await self._stream.send_eof()
            while await self._stream.receive_some(_DISCARD_BYTES):
                pass

    async def aclose(self, *, reset: bool) -> None:
        """See `Transport`."""
        with trio.move_on_after(_GOODBYE_SECONDS, shield=True) as scope:
            if reset:
                _reset_on_close(self._sock)
            if reset or self._is_cut:
                scope.cancel()
            await self._stream.aclose()

    def limit_send_buffer(self, size: int) -> None:
        """See `Transport`."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def _portion(parts: Sequence[bytes | memoryview]) -> int:
    """How many of the parts are sent at once: as many as fit, but one at least."""
    size = 0
    for count, part in enumerate(parts):
        size += len(part)
        if size > _PORTION_BYTES:
            return max(count, 1)
    return len(parts)


def _reset_on_close(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

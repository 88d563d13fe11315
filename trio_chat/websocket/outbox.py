"""The only way out to one client.

The law of this file: *whatever goes to a socket goes through its outbox, in the order offered, and
nobody but the writer touches the socket while anything waits.*

While nothing waits, `Outbox.offer` writes straight through: the hub's loop sends to the socket
itself, without waking a task. What the socket does not take waits, frame by frame, in a bounded
memory channel that the connection's writer empties. A frame counts until the socket has taken all
of it, so frames in the writer's hand count too. The frame that does not fit drops the client, like
the ``default`` branch of Go's ``select``; everybody else goes on.

Under TLS a frame has a third state: encrypted, so that it must be sent, but not taken. Its
ciphertext is *owed*: the transport keeps it and pays it before it encrypts anything else, and the
frame counts until then (docs/explanation/write-through.md).
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define

from trio_chat.errors import Owed
from trio_chat.websocket.transport import Transport

# As many as the writer sends with one call: far below the kernel's limit of 1,024 pieces, and as
# many as the hub sends in one turn.
_HAND_FRAMES: Final = 128


@define
class _Waiting:
    """A frame that the socket has not taken all of."""

    rest: bytes | memoryview
    """What has not begun to be sent; under TLS: been encrypted. Empty, its ciphertext is owed."""
    size: int

    @property
    def has_begun(self) -> bool:
        return len(self.rest) < self.size


class Outbox:
    """The send queue of one connection, and the way to its socket.

    Args:
        transport: What carries the frames. The outbox never closes it.
        max_frames: The most frames that may wait.
        max_bytes: The most bytes of frames that may wait; whichever bound is met first counts.
        write_timeout_seconds: How long one frame may take, from the moment it is the next.
        on_full: Called once, sync, when a frame did not fit: the client has been dropped.
    """

    __slots__ = (
        "_backlog",
        "_broken",
        "_hand",
        "_max_bytes",
        "_max_frames",
        "_on_full",
        "_progress",
        "_queue",
        "_sealed",
        "_sender",
        "_transport",
        "_waiting_bytes",
        "_wake",
        "_write_timeout_seconds",
        "_writing",
        "waiting_frames",
    )

    def __init__(
        self,
        transport: Transport,
        *,
        max_frames: int,
        max_bytes: int,
        write_timeout_seconds: float,
        on_full: Callable[[], None],
    ) -> None:
        self.waiting_frames = 0
        """How many frames the socket has not taken all of: queued or in hand."""
        self._waiting_bytes = 0
        self._transport = transport
        self._sender = transport.sender
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._write_timeout_seconds = write_timeout_seconds
        self._on_full = on_full
        self._queue, self._backlog = trio.open_memory_channel[_Waiting](max_frames)
        self._hand: list[_Waiting] = []
        # The writer waits for this and not in ``receive()``: a frame that is on its way to a
        # receiver is in nobody's reach, and a drop must reach every frame.
        self._wake = trio.Event()
        self._progress: trio.Event | None = None
        self._writing = trio.CancelScope()
        """Around the writing of the next frame; its deadline ends the connection."""
        self._sealed = False
        self._broken = False

    # --- sync: for the hub -----------------------------------------------------------------------

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send frames now or queue them; atomic, and never waits.

        If they do not fit, everything that has not begun to be sent is discarded, the outbox is
        sealed, and ``on_full`` is called. A sealed outbox takes no notice.

        Args:
            frames: Whole frames, in order.
            joined: The same frames as one string of bytes.
        """
        if self._sealed:
            return
        sent = 0
        if not self.waiting_frames:
            # Here and not in a method: this is the price of a delivery.
            try:
                sent = self._sender.send(joined)
            except BlockingIOError:
                pass
            except Owed as owed:
                self._queue_rest(frames, owed.paid, owed.begun)
                return
            except OSError:
                self._break()
                return
            if sent == len(joined):
                return
        self._queue_rest(frames, sent, sent)

    def seal(self) -> None:
        """From now on only `send` gets anything in: the connection is closing."""
        self._sealed = True

    def retire(self) -> None:
        """The connection is over: take nothing more, and let go of who was to be told."""
        self.seal()
        self._on_full = _tell_nobody

    @property
    def is_broken(self) -> bool:
        """Whether the socket has failed: nothing will ever be sent again."""
        return self._broken

    # --- async: for the connection ---------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Send one frame, waiting for a place in the queue rather than dropping the client.

        For the frames of the WebSocket library and for the echo. A cancellation leaves nothing
        behind; on return the data is in the queue or sent, and will be sent whole.

        Raises:
            trio.BrokenResourceError: The socket has failed.
        """
        await trio.lowlevel.checkpoint()
        while self.waiting_frames >= self._max_frames and not self._broken:
            await self._wait_for_progress()
        self.send_nowait(data)

    def send_nowait(self, data: bytes) -> None:
        """Send one frame, or queue what the socket does not take of it, whatever its size.

        Raises:
            trio.BrokenResourceError: The socket has failed.
        """
        if self.waiting_frames:
            self._enqueue(data)
        else:
            self._write_through(data)
        if self._broken:
            raise trio.BrokenResourceError

    async def flush(self) -> None:
        """Wait until the socket has taken everything.

        Raises:
            trio.BrokenResourceError: The socket has failed.
        """
        while self.waiting_frames and not self._broken:
            await self._wait_for_progress()
        if self._broken:
            raise trio.BrokenResourceError

    async def wait_to_fit(self, size: int, frames: int = 1) -> None:
        """Wait until frames fit beside what is queued, or nothing is queued any more.

        For answers to the client, which must not be dropped for a large request.

        Args:
            size: Of the next frames, in bytes.
            frames: How many they are.
        """
        while (
            self.waiting_frames
            and (
                self._waiting_bytes + size > self._max_bytes
                or self.waiting_frames + frames > self._max_frames
            )
            and not self._broken
        ):
            await self._wait_for_progress()

    async def wait_until_below(self, size: int) -> None:
        """Wait until no more than so many bytes are queued."""
        while self._waiting_bytes > size and not self._broken:
            await self._wait_for_progress()

    async def drain_forever(self) -> None:
        """The writer: empties the queue into the socket until it is cancelled.

        A cancellation may leave half a frame sent; so may an error. Either ends the connection.

        Raises:
            trio.BrokenResourceError: The socket has failed, or took too long over a frame.
        """
        while not self._broken:
            self._fill_hand()
            if not self._hand:
                self._wake = trio.Event()
                await self._wake.wait()
                continue
            try:
                with trio.fail_after(self._write_timeout_seconds) as self._writing:
                    await self._write_front()
            except (OSError, trio.TooSlowError) as error:
                self._break()
                raise trio.BrokenResourceError from error
        raise trio.BrokenResourceError

    # --- inside ----------------------------------------------------------------------------------

    def _write_through(self, data: bytes) -> None:
        """Send a frame right now; what the socket does not take waits."""
        try:
            sent = self._sender.send(data)
        except BlockingIOError:
            self._enqueue(data)
        except Owed as owed:
            self._hold(data, owed.begun)
        except OSError:
            self._break()
        else:
            if sent < len(data):
                self._hold(data, sent)

    def _queue_rest(self, frames: Sequence[bytes], sent: int, begun: int) -> None:
        """Let frames wait that the socket has not taken all of.

        Args:
            frames: Whole frames, in order.
            sent: So many of their bytes have left.
            begun: So many have to be sent whatever happens: the rest of a frame that has begun,
                and under TLS those that have been encrypted.
        """
        for frame in frames:
            size = len(frame)
            if begun > 0:
                if sent < size:
                    self._hold(frame, min(begun, size))
                sent -= size
                begun -= size
            elif self._has_room(size):
                self._enqueue(frame)
        if not self._sealed and self._is_over_bounds():
            self._drop()

    def _has_room(self, size: int) -> bool:
        """Whether a frame may wait; if it does not fit, the client has been dropped."""
        if self._sealed:
            return False
        if self.waiting_frames < self._max_frames and self._waiting_bytes + size <= self._max_bytes:
            return True
        self._drop()
        return False

    def _is_over_bounds(self) -> bool:
        """Whether more has begun than may wait: it is sent, but the client is dropped."""
        return self.waiting_frames > self._max_frames or self._waiting_bytes > self._max_bytes

    def _enqueue(self, frame: bytes) -> None:
        """Let a frame wait that has not begun."""
        self._queue.send_nowait(_Waiting(frame, len(frame)))
        self._count(1, len(frame))
        self._wake.set()

    def _hold(self, frame: bytes, begun: int) -> None:
        """Let a frame wait that has begun. Nothing else waits, so it goes into the hand."""
        self._hand.append(_Waiting(memoryview(frame)[begun:], len(frame)))
        self._count(1, len(frame))
        self._wake.set()

    def _drop(self) -> None:
        """Discard all frames that have not begun, and say that the client is dropped."""
        self.seal()
        self._hand.extend(self._take_nowait(self._max_frames))
        self._hand[:] = [waiting for waiting in self._hand if waiting.has_begun]
        self._count(-self.waiting_frames, -self._waiting_bytes)
        if self._hand:
            self._count(len(self._hand), sum(waiting.size for waiting in self._hand))
            # However long it has been the next: who is dropped has the whole time from now.
            self._writing.deadline = trio.current_time() + self._write_timeout_seconds
        self._on_full()

    def _take_nowait(self, count: int) -> Sequence[_Waiting]:
        waiting = self._backlog.statistics().current_buffer_used
        return [self._backlog.receive_nowait() for _ in range(min(count, waiting))]

    def _fill_hand(self) -> None:
        self._hand.extend(self._take_nowait(_HAND_FRAMES - len(self._hand)))

    async def _write_front(self) -> None:
        """Write until the frame that is the next to be finished is finished, or was discarded."""
        front = self._hand[0]
        while self._hand and self._hand[0] is front:
            try:
                sent = await self._transport.write([waiting.rest for waiting in self._hand])
            except Owed as owed:
                self._finish(owed.paid)
                self._begin(owed.begun - owed.paid)
            else:
                self._finish(sent)

    def _begin(self, size: int) -> None:
        """So many bytes at the front of the hand have been encrypted, and are owed."""
        for waiting in self._hand:
            piece = min(size, len(waiting.rest))
            waiting.rest = memoryview(waiting.rest)[piece:]
            size -= piece
            if not size:
                return

    def _finish(self, sent: int) -> None:
        """Account for bytes of the hand that the socket has taken; nothing before them is owed."""
        done = 0
        for waiting in self._hand:
            if sent < len(waiting.rest):
                break
            sent -= len(waiting.rest)
            done += 1
        finished = self._hand[:done]
        del self._hand[:done]
        if sent:
            self._hand[0].rest = memoryview(self._hand[0].rest)[sent:]
        if finished:
            self._count(-done, -sum(waiting.size for waiting in finished))

    def _count(self, frames: int, size: int) -> None:
        self.waiting_frames += frames
        self._waiting_bytes += size
        if frames <= 0:
            self._announce_progress()

    def _break(self) -> None:
        """The socket has failed: let everybody who waits for it find out."""
        self._sealed = self._broken = True
        self._wake.set()
        self._announce_progress()

    def _announce_progress(self) -> None:
        if self._progress is not None:
            self._progress.set()
            self._progress = None

    async def _wait_for_progress(self) -> None:
        if self._progress is None:
            self._progress = trio.Event()
        await self._progress.wait()


def _tell_nobody() -> None:
    """Nobody is left."""

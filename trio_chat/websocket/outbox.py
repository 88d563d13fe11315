"""The send queue of one client: the last stop of a message.

Before this comes `trio_chat.hub.deliver`, which offers the same frames to each member of a room.
After it comes only the socket (`trio_chat.websocket.transport`).

The rule of this file: *every byte for a socket passes its outbox, in the order offered, and only
the writer uses the socket while frames are waiting.*

While no frame is waiting, `Outbox.offer` writes through: the hub itself sends to the socket,
without waking a task. The rest waits in a bounded memory channel that the connection's writer
empties. A frame counts until the socket has accepted all of it. A frame that does not fit drops the
client, like the ``default`` branch of Go's ``select``.

Under TLS some encrypted bytes may be *owed*: the transport sends them before it encrypts anything
else, and their frames count until then (docs/explanation/write-through.md).
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define

from trio_chat.errors import Owed
from trio_chat.settings import Settings
from trio_chat.websocket.transport import Transport

# The most frames in one call of the writer: as many as the hub sends in one turn, and far below the
# kernel's limit of 1,024 pieces.
_HAND_FRAMES: Final = 128


@define
class _Waiting:
    """A frame that the socket has not accepted completely."""

    rest: bytes | memoryview
    """The bytes not sent yet; under TLS, not encrypted yet. If empty, the ciphertext is owed."""
    size: int


class Outbox:
    """The send queue of one connection, and its only way to the socket.

    Args:
        transport: Carries the frames. The outbox never closes it.
        settings: The bounds of the queue, and the time limit for one frame, once it is next.
        on_full: Called once, after the outbox has dropped the client.

    Attributes:
        waiting_frames: The number of frames in the queue, with those that the writer has.
        is_broken: Whether the socket has failed.
    """

    def __init__(
        self, transport: Transport, settings: Settings, on_full: Callable[[], None]
    ) -> None:
        self.waiting_frames = 0
        self.is_broken = False
        self._transport = transport
        self._sender = transport.sender
        self._max_frames = settings.send_queue
        self._max_bytes = settings.send_queue_bytes
        self._write_timeout_seconds = settings.write_timeout_seconds
        self._on_full = on_full
        self._waiting_bytes = 0
        self._queue, self._backlog = trio.open_memory_channel[_Waiting](self._max_frames)
        self._hand: list[_Waiting] = []
        """The frames that the writer has, with all that have begun."""
        # The writer waits for this and not in ``receive()``: a drop must reach every frame, also
        # one on its way to a receiver.
        self._wake = trio.Event()
        self._progress: trio.Event | None = None
        self._writing = trio.CancelScope()
        """The scope of writing the next frame; its deadline ends the connection."""
        self._sealed = False

    # --- sync: for the hub -----------------------------------------------------------------------

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Send whole frames, in order, now, or queue them; ``joined`` is the same frames, joined.

        If they do not fit, the outbox discards every frame that it has not begun to send, seals
        itself and calls ``on_full``. A sealed outbox ignores the frames.
        """
        if self._sealed:
            return
        sent = 0
        if not self.waiting_frames:
            # Inline, without a method: every delivery pays for this.
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
        """Accept only `send` and `send_nowait` from now on: the connection is closing."""
        self._sealed = True

    def retire(self) -> None:
        """Accept nothing more, and drop the reference to the connection, which has ended."""
        self.seal()
        self._on_full = _ignore

    # --- async: for the connection ---------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Wait until the queue has space, then send one frame; never drop the client.

        A cancellation sends nothing.

        Raises:
            trio.BrokenResourceError: The socket has failed.
        """
        await self.wait_to_fit(len(data))
        self.send_nowait(data)

    def send_nowait(self, data: bytes) -> None:
        """Send one frame now, or queue it, whatever its size. Raises as `send` does."""
        begun, is_sent = 0, False
        if not self.waiting_frames:
            try:
                begun = self._sender.send(data)
                is_sent = begun == len(data)
            except BlockingIOError:
                pass
            except Owed as owed:
                begun = owed.begun
            except OSError:
                self._break()
        if self.is_broken:
            raise trio.BrokenResourceError
        if not is_sent:
            self._add(data, begun)

    async def flush(self) -> None:
        """Wait until the socket has accepted every frame.

        Raises:
            trio.BrokenResourceError: The socket has failed.
        """
        await self.wait_until_below(0)
        if self.is_broken:
            raise trio.BrokenResourceError

    async def wait_to_fit(self, size: int, frames: int = 1) -> None:
        """Wait until frames of a total size fit into the queue, or the queue is empty.

        For answers: a client must not be dropped for its own request.
        """
        await trio.lowlevel.checkpoint()
        while self.waiting_frames and not self._fits(frames, size) and not self.is_broken:
            await self._wait_for_progress()

    async def wait_until_below(self, size: int) -> None:
        """Wait until at most this many bytes are queued."""
        await trio.lowlevel.checkpoint()
        while self._waiting_bytes > size and not self.is_broken:
            await self._wait_for_progress()

    async def drain_forever(self) -> None:
        """Send the queue to the socket until cancelled: the task of the writer.

        A cancellation or an error may leave half a frame sent, so the connection must end.

        Raises:
            trio.BrokenResourceError: The socket has failed, or a frame took too long.
        """
        while not self.is_broken:
            self._hand += self._take_nowait(_HAND_FRAMES - len(self._hand))
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

    def _queue_rest(self, frames: Sequence[bytes], sent: int, begun: int) -> None:
        """Queue the frames of which not all is sent; ``begun`` bytes must be sent in any case."""
        for frame in frames:
            size = len(frame)
            if begun > 0:
                if sent < size:
                    self._add(frame, min(begun, size))
                sent -= size
                begun -= size
            elif self._fits(1, size):
                self._add(frame, 0)
            else:
                self._drop()
                return
        if not self._fits(0, 0):  # the begun frames alone do not
            self._drop()

    def _fits(self, frames: int, size: int) -> bool:
        return (
            self.waiting_frames + frames <= self._max_frames
            and self._waiting_bytes + size <= self._max_bytes
        )

    def _add(self, frame: bytes, begun: int) -> None:
        """Queue a frame of which this many bytes are sent, or encrypted."""
        if begun:  # no other frame is waiting
            self._hand.append(_Waiting(memoryview(frame)[begun:], len(frame)))
        else:
            self._queue.send_nowait(_Waiting(frame, len(frame)))
        self.waiting_frames += 1
        self._waiting_bytes += len(frame)
        self._wake.set()

    def _take_nowait(self, count: int) -> list[_Waiting]:
        waiting = self._backlog.statistics().current_buffer_used
        return [self._backlog.receive_nowait() for _ in range(min(count, waiting))]

    def _drop(self) -> None:
        """Drop the client: discard all frames that have not begun."""
        self.seal()
        self._take_nowait(self._max_frames)
        self._hand = [waiting for waiting in self._hand if len(waiting.rest) < waiting.size]
        self.waiting_frames = len(self._hand)
        self._waiting_bytes = sum(waiting.size for waiting in self._hand)
        if self._hand:  # the client has the whole time limit again, for the close frame
            self._writing.deadline = trio.current_time() + self._write_timeout_seconds
        self._announce_progress()
        self._on_full()

    async def _write_front(self) -> None:
        """Write until the first frame is finished or discarded."""
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
        """Note that this many bytes at the front of the hand are encrypted, and owed."""
        for waiting in self._hand:
            piece = min(size, len(waiting.rest))
            waiting.rest = memoryview(waiting.rest)[piece:]
            size -= piece
            if not size:
                return

    def _finish(self, sent: int) -> None:
        """Note that the socket has accepted this many bytes of the hand; no byte is owed."""
        done = 0
        for waiting in self._hand:
            if sent < len(waiting.rest):
                break
            sent -= len(waiting.rest)
            self._waiting_bytes -= waiting.size
            done += 1
        del self._hand[:done]
        if sent:
            self._begin(sent)
        self.waiting_frames -= done
        if done:
            self._announce_progress()

    def _break(self) -> None:
        """Note that the socket has failed, and wake all waiting tasks."""
        self._sealed = self.is_broken = True
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


def _ignore() -> None:
    """Do nothing."""

"""One WebSocket: reads the client's messages, and closes. A message enters the server here.

Before this comes `trio_chat.hub.inbox`, which calls `Connection.read` when the socket is readable,
in the hub's task. The usual packet is one short text message: the connection passes it to
`trio_chat.websocket.chat` in the same call, and returns the resulting request. Everything else
waits in a list, and the inbox calls `Connection.go_on` for one item at a time.

Control frames, fragments and unusual frames go to trio-websocket. Until it has handled them, the
connection *holds*: it neither reads nor handles anything. That preserves the order of messages.

    nursery of the connection
    ├─ this task       waits for the end, while a `TimerWheel` watches the deadlines; then it closes
    ├─ writer          `Outbox.drain_forever`
    └─ trio-websocket  its reader, and a task that takes its messages; both start with the first
                       unusual frame, mostly the answer to a ping
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import outcome
import trio

from trio_chat.context import Context
from trio_chat.errors import Disconnect
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import Request
from trio_chat.metrics import WRITE_TIMEOUT
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.handshake import Upgrade
from trio_chat.ratelimit import TokenBucket, counted_address
from trio_chat.websocket.echo import Conversation
from trio_chat.websocket.frames import FrameScanner, Item, PassOn, close_frame
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.rare_frames import RareFrames
from trio_chat.websocket.timers import Health, TimerWheel
from trio_chat.websocket.transport import RECEIVE_BYTES, Transport

ABNORMAL: Final = 1006
"""The code of RFC 6455 for an end without a close frame. The server never sends it."""


class Connection:
    """One WebSocket. Satisfies `trio_chat.hub.requests.Source` towards the inbox.

    Args:
        transport: Carries the bytes; `run` closes it.
        timers: Must run as long as the connection does.
        frame_rate: Frames per second that may arrive; 0 for no limit.

    Attributes:
        address: The address that limits count.
    """

    def __init__(  # noqa: PLR0913 - given once, by the endpoint
        self,
        transport: Transport,
        upgrade: Upgrade,
        context: Context,
        inbox: Inbox,
        timers: TimerWheel,
        *,
        frame_rate: float,
    ) -> None:
        settings, now = context.settings, trio.current_time()
        self.address = counted_address(upgrade.address)
        deflate = upgrade.deflate if settings.compression == "on" else None
        self.encoding = Encoding.PLAIN if deflate is None else Encoding.DEFLATED
        self.outbox = Outbox(transport, settings, lambda: self.end(CloseCode.TOO_SLOW))
        self._transport = transport
        self._receive = transport.receive
        self._fd = transport.fileno()
        self._settings = settings
        self._metrics = context.metrics
        self._inbox = inbox
        self._timers = timers
        self._health = Health(settings, now)
        if upgrade.identity is not None:
            self._health.live_for(now, upgrade.identity.ends_at - context.wall_ms() / 1000)
        self._scanner = FrameScanner(settings.max_frame_bytes, takes_deflated=deflate is not None)
        self._frames = TokenBucket(frame_rate, settings.frame_burst, now)
        # Received items, the next one last (an empty deque takes 760 bytes).
        self._items: list[Item | bytes] = []
        # Requests of the conversation to the hub; they come before the items.
        self._asked: list[Request] = []
        self._holds = 1  # the number of reasons for holding; the first is the upgrade
        self._is_queued = False  # whether the inbox is about to call `go_on`
        self._is_closing = False
        self._rare: RareFrames | None = None  # exists from the first one on
        extension = f"Sec-WebSocket-Extensions: {deflate}\r\n" if deflate is not None else ""
        self._answer = upgrade.answer + extension.encode() + b"\r\n"
        self._trailing = upgrade.trailing
        self._failure: outcome.Error | None = None
        self._ending: Disconnect | None = None
        self._over = trio.Event()
        # Set when trio-websocket has answered the client's close, or the socket has failed.
        self._may_finish = trio.Event()
        self.conversation: Conversation
        self._nursery: trio.Nursery | None = None  # while new tasks may start
        self._is_gone = False

    async def run(self, conversation: Conversation) -> int:
        """Run from the upgrade to the close, and release the socket in any case.

        Returns:
            The close code: the server's, the client's, or `ABNORMAL`.
        """
        self.conversation = conversation
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    nursery.start_soon(self._write)
                    self._begin_reading()
                    await self._timers.run_until(self._over, self._on_time)
                    self._begin_closing()
                    if self._failure is None:
                        await conversation.leave(self._code())
                        await self._close()
                    if self._failure is not None:  # it may have failed in the meantime
                        self._failure.unwrap()
                finally:
                    self._nursery = None
                nursery.cancel_scope.cancel()
        finally:
            self._begin_closing()
            self._hold()
            with trio.CancelScope(shield=True):
                code = self._code()
                await conversation.leave(code)
                await self._transport.aclose(reset=self.outbox.is_broken)
            # These refer to the connection. Freeing such a cycle takes a full garbage collection,
            # which stops the server when it has thousands of clients.
            self.outbox.retire()
            if self._rare is not None:
                self._rare.retire()
            self._is_gone = True
            del self._rare, self.conversation
        return code

    # --- for the inbox ---------------------------------------------------------------------------

    def read(self, now: float) -> Request | None:
        """See `trio_chat.hub.requests.Source`."""
        if self._is_queued:
            return None  # the waiting items come first
        try:
            data = self._receive(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        text = self._scanner.one_text(data)
        if text is None:
            self._take_data(data, now)
            self._queue()
            return None
        self._count(len(data), 1, now)
        request = None if self._is_closing else self._take(text, now)
        if self._transport.has_pending:
            self._queue()
        return request

    def go_on(self, now: float) -> Request | None:
        """See `trio_chat.hub.requests.Source`."""
        self._is_queued = False
        request = None
        if self._asked:
            request = self._asked.pop(0)
        elif self._items:
            request = self._handle(self._items.pop(), now)
        elif self._scanner.has_more:
            self._scan(b"", now)
        elif self._transport.has_pending:
            with suppress(BlockingIOError):
                self._take_data(self._receive(RECEIVE_BYTES), now)
        self._queue()
        return request

    def fail(self, error: outcome.Error) -> None:
        """Close the connection; `run` raises this error."""
        self._failure = error
        self._begin_closing()
        self._hold()
        self._over.set()

    # --- for the conversation and the endpoint ---------------------------------------------------

    def ask(self, request: Request) -> None:
        """Send a request to the hub, after earlier ones and before later messages of the client."""
        if not self._is_closing:
            self._asked.append(request)
            self._queue()

    def start_soon(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task until the connection ends; do nothing once it is ending."""
        if self._nursery is not None:
            self._nursery.start_soon(task)

    def wait_for(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task, and handle no message of the client meanwhile."""
        if self._nursery is not None:
            self._hold()
            self._nursery.start_soon(self._hold_for, task)

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Close the connection, after the frames in the queue. Only the first call counts."""
        if self._ending is None and not self._is_gone:
            self._ending = Disconnect(code, reason)
            self._metrics.drops.labels(reason=code.name.lower()).inc()
            self.outbox.seal()
            self._begin_closing()
            self._over.set()

    def live_for(self, seconds: float) -> None:
        """Set the seconds until the client's token expires."""
        self._health.live_for(trio.current_time(), seconds)
        self._timers.reschedule(self._over)  # the end or its warning may be due next

    # --- inside ----------------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        """Answer the upgrade, handle the bytes after it, and start reading."""
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self.outbox.send_nowait(self._answer)
        if self._trailing:
            self._scan(self._trailing, trio.current_time())
        self._answer = self._trailing = b""
        self._release()

    def _begin_closing(self) -> None:
        """Discard everything from now on, except a close frame."""
        self._is_closing = True
        self._scanner.begin_closing()
        self._items = [item for item in self._items if isinstance(item, PassOn) and item.is_close]
        self._asked.clear()

    def _hold(self) -> None:
        """Read and handle nothing until `_release`."""
        if not self._holds:
            self._inbox.unwatch(self._fd)
        self._holds += 1

    def _release(self) -> None:
        """Undo one `_hold`; after the last one, go on."""
        self._holds -= 1
        if not self._holds:
            self._inbox.watch(self._fd, self)
            self._is_queued = False  # the inbox serves only watched sources
            self._queue()

    async def _hold_for(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Disconnect as disconnect:
            self.end(disconnect.code, disconnect.reason)
        except trio.BrokenResourceError:
            pass  # the writer ends the connection
        self._release()

    def _queue(self) -> None:
        """Ask the inbox to call `go_on` if anything is waiting."""
        if self._is_queued or self._holds:
            return
        if self._items or self._asked or self._scanner.has_more or self._transport.has_pending:
            self._is_queued = True
            self._inbox.serve(self._fd)

    def _take_data(self, data: bytes, now: float) -> None:
        if data:
            self._scan(data, now)
        else:
            self._give(b"")

    def _scan(self, data: bytes, now: float) -> None:
        """Find the frames in received bytes; no items are waiting."""
        before = self._scanner.frames
        self._items[:] = reversed(self._scanner.receive(data))
        self._count(len(data), self._scanner.frames - before, now)

    def _count(self, size: int, frames: int, now: float) -> None:
        """Note that the client is alive, and count the frames against the rate."""
        self._health.last_received = now
        self._metrics.received_bytes.count += size
        if frames and self._frames.take(now, frames):
            self.end(CloseCode.TOO_MUCH)

    def _handle(self, item: Item | bytes, now: float) -> Request | None:
        if isinstance(item, Disconnect):
            self.end(item.code, item.reason)
        elif isinstance(item, PassOn):
            self._give(item.data, item.messages)
        elif not self._is_closing:
            return self._take(item, now)
        return None

    def _take(self, message: str | bytes, now: float) -> Request | None:
        try:
            if isinstance(message, bytes):
                self.conversation.take_binary(message)
                return None
            self._metrics.received_messages.count += 1
            return self.conversation.take(message, now)
        except Disconnect as disconnect:
            self.end(disconnect.code, disconnect.reason)
            return None

    def _give(self, data: bytes, messages: int = 0) -> None:
        """Pass bytes to trio-websocket, and hold until it has returned the messages in them."""
        for _ in range(1 + messages):
            self._hold()
        self._open_rare().give(data)

    def _open_rare(self) -> RareFrames:
        if self._rare is None:
            max_bytes = self._settings.max_frame_bytes
            self._rare = RareFrames(self.outbox, max_bytes, self._release)
            self.start_soon(self._rare.run)
            self.start_soon(self._receive_rare_messages)
        return self._rare

    async def _receive_rare_messages(self) -> None:
        """Handle the messages that trio-websocket assembles; when it ends, the connection ends."""
        while (message := await self._open_rare().receive_message()) is not None:
            self._items.append(message)
            self._release()
        self._may_finish.set()
        self._over.set()

    async def _write(self) -> None:
        try:
            await self.outbox.drain_forever()
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, trio.TooSlowError):
                self._metrics.drops.labels(reason=WRITE_TIMEOUT).inc()
            self._begin_closing()
            self._may_finish.set()
            self._over.set()

    def _on_time(self, now: float) -> float:
        """Handle the deadlines that have passed; return the time of the next one."""
        if self._is_queued or self._inbox.is_paused(self._fd):
            self._health.last_received = now  # the server is behind, not the client
        code = self._health.ends_with(now, self.conversation)
        if code is not None:
            self.end(code)
        frames = self._health.frames(now, self.conversation)
        if frames:
            self.outbox.offer(frames, b"".join(frames))
        return self._health.due(now, self.conversation)

    def _code(self) -> int:
        """Return the close code, as far as known."""
        if self._ending is not None:
            return int(self._ending.code)
        code = self._rare.code if self._rare is not None else None
        return ABNORMAL if code is None else code

    async def _close(self) -> None:
        """Perform the closing handshake, whichever side began it."""
        timeout_seconds = self._settings.close_timeout_seconds
        with suppress(trio.BrokenResourceError):
            if self._ending is not None and (self._rare is None or self._rare.code is None):
                await self._open_rare().close(self._ending, timeout_seconds)
                await self.outbox.flush()
                return
            await self._may_finish.wait()
            code = self._code()
            if self._rare is not None and self._rare.has_sent_close:
                await self.outbox.flush()
            elif code != ABNORMAL and not self.outbox.is_broken:
                # After a protocol violation, trio-websocket sends no close frame.
                ending = self._ending or Disconnect(CloseCode(code))
                self.end(ending.code)
                await self.outbox.send(close_frame(ending.code, ending.reason))
                await self.outbox.flush()
                self._hold()
                with trio.move_on_after(timeout_seconds):
                    await self._transport.linger()

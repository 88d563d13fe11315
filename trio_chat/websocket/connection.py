"""One WebSocket and its nursery: reader, writer, health, and the way it ends.

    nursery of the connection
    ├─ this task      waits for the end, while a `Pulse` sees to its health; then it closes
    ├─ writer         `Outbox.drain_forever`
    ├─ reader         trio-websocket's, on our `MessageStream`; begins with the first frame that is
    │                 unusual: most often the answer to a ping
    └─ rare messages  what trio-websocket puts together itself: fragmented ones, binary ones

The hub's inbox reads the socket, by `Connection.read`, in the hub's task: here a message enters the
server. What is said on it is the business of a `Conversation` (`trio_chat.websocket.chat` comes
next); chat and echo share this code.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import outcome
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from trio_chat.errors import Disconnect
from trio_chat.metrics import WRITE_TIMEOUT, Metrics
from trio_chat.protocol.closing import MEANING, CloseCode
from trio_chat.protocol.frames import PING_FRAME, FrameScanner, Item, PassOn, close_frame
from trio_chat.protocol.handshake import Upgrade
from trio_chat.protocol.membership import Request, Requests
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.protocol.outgoing import Form
from trio_chat.ratelimit import TokenBucket, counted_address
from trio_chat.settings import Settings
from trio_chat.websocket.conversation import Conversation
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.pulse import QUARTER_SECONDS, Pulse
from trio_chat.websocket.stream import MessageStream
from trio_chat.websocket.transport import Transport

ABNORMAL: Final = 1006
"""What RFC 6455 calls an end without a close frame; never sent."""


TOKEN_WARNING_SECONDS: Final = 30.0
"""How long before the end of its token a client is told (docs/reference/wire.md)."""


class Connection:
    """One WebSocket. Satisfies `trio_chat.protocol.membership.Source` towards the inbox.

    Args:
        transport: What carries it; `run` closes it.
        upgrade: The request to be answered.
        settings: Limits and intervals.
        metrics: What the connection counts goes here.
        inbox: The hub's, which reads the connection.
        pulse: Runs as long as the connection does.
        frame_rate: Frames of any kind a second that may come in; 0 = no limit.
        seconds_to_live: When it ends whatever is said on it: the client's token is over then.
    """

    def __init__(  # noqa: PLR0913 - given once, by the endpoint
        self,
        transport: Transport,
        upgrade: Upgrade,
        settings: Settings,
        metrics: Metrics,
        *,
        inbox: Requests,
        pulse: Pulse,
        frame_rate: float,
        seconds_to_live: float = math.inf,
    ) -> None:
        now = trio.current_time()
        self.address = counted_address(upgrade.address)
        """What limits count it by."""
        deflate = upgrade.deflate if settings.compression == "on" else None
        self.form = Form.PLAIN if deflate is None else Form.DEFLATED
        self.outbox = Outbox(
            transport,
            max_frames=settings.send_queue,
            max_bytes=settings.send_queue_bytes,
            write_timeout_seconds=settings.write_timeout_seconds,
            on_full=self._on_full,
        )
        self._transport = transport
        self._settings = settings
        self._metrics = metrics
        self._pulse = pulse
        self._inbox = inbox
        self._fd = transport.fileno()
        self._receive = transport.receive_nowait
        self._scanner = FrameScanner(
            settings.max_frame_bytes, takes_deflated=self.form is Form.DEFLATED
        )
        self._stream = MessageStream(self.outbox, self._release)
        self._websocket: WebSocketConnection | None = None
        self._answer = upgrade.answer + _extensions(deflate) + b"\r\n"
        self._trailing = upgrade.trailing
        self._items: list[Item | bytes] = []
        """What has come and was not dealt with, back to front (an empty deque takes 760 bytes)."""
        self._asked: list[Request] = []
        """What the conversation asks of the hub besides; it comes before the items."""
        self._holds = 1  # until the upgrade has been answered
        """For how many reasons nothing is dealt with: trio-websocket or a task comes first."""
        self._is_queued = False
        """Whether the inbox is about to call `go_on`."""
        self._frames = TokenBucket(frame_rate, settings.frame_burst, now)
        self._last_heard = now
        self._next_ping = now + settings.ping_interval_seconds
        self._next_heartbeat = now + settings.heartbeat_interval_seconds
        self._hello_due = now + settings.hello_timeout_seconds
        self._failure: outcome.Error | None = None
        self._ending: Disconnect | None = None
        self._over = trio.Event()
        self.live_for(seconds_to_live)
        # Set when trio-websocket has answered the client's close; it is `closed` before that.
        self._heard_out = trio.Event()
        self._conversation: Conversation
        # While it takes new tasks; before and after, whoever asks for one comes too late.
        self._nursery: trio.Nursery | None = None
        self._is_gone = False

    async def run(self, conversation: Conversation) -> int:
        """Live from the upgrade to the close, and release the socket whatever happens.

        Returns:
            The code of the close: ours, or the client's, or 1006 if there was none.
        """
        self._conversation = conversation
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    nursery.start_soon(self._write)
                    self._begin_reading()
                    await self._pulse.attend(self._beat, self._over)
                    self._begin_closing()
                    if self._failure is not None:
                        self._failure.unwrap()
                    await conversation.leave(self._code())
                    await self._close()
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
            # All of these know the connection. Without this they would be a circle, which only a
            # full collection undoes, and with thousands of clients those stop the server.
            self.outbox.retire()
            self._is_gone = True
            del self._stream, self._websocket, self._conversation
        return code

    def start_soon(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run something beside the conversation; it ends with the connection.

        Of one that is ending it is not begun: the hub may not have heard of that.
        """
        if self._nursery is not None:
            self._nursery.start_soon(task)

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Ask for the end. Sync and atomic; the first to ask decides the code.

        Nothing more is offered to the client from here on, and nothing more it sends is dealt with;
        what is queued will still be written. One that is gone has ended already.
        """
        if self._ending is None and not self._is_gone:
            self._ending = Disconnect(code, reason)
            self._metrics.drops.labels(reason=code.name.lower()).inc()
            self.outbox.seal()
            self._begin_closing()
            self._over.set()

    def announce_end(self, after_ms: int) -> bool:
        """Tell the client when it will be sent away; False if it is not of those who are told."""
        frame = self._conversation.announce(Reconnect(after_ms))
        if frame is None:
            return False
        self.outbox.offer([frame], frame)
        return True

    def live_for(self, seconds: float) -> None:
        """End then, whatever is said: the client's token is over. It is told before, once."""
        self._token_ends = trio.current_time() + seconds
        self._token_warning_due = self._token_ends - TOKEN_WARNING_SECONDS
        self._pulse.hasten(self._over)  # either may be due before anything else is

    def ask(self, request: Request) -> None:
        """Ask something of the hub, in this order, and before what the client says."""
        if not self._over.is_set():
            self._asked.append(request)
            self._queue()

    def wait_for(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task beside the conversation, and deal with nothing the client sends meanwhile."""
        if self._nursery is not None:
            self._hold()
            self._nursery.start_soon(self._hold_for, task)

    # --- what comes in: `trio_chat.protocol.membership.Source` -----------------------------------

    def read(self, now: float) -> Request | None:
        """Receive, and deal with one whole, short text message: the usual packet of a chat."""
        if self._is_queued:
            return None  # what came before comes first
        try:
            data = self._receive()
        except BlockingIOError:
            return None
        text = self._scanner.one_text(data)
        if text is None:
            self._take_in(data, now)
            self._queue()
            return None
        self._hear(len(data), 1, now)
        if self._transport.has_pending:
            self._queue()
        return self._take(text, now)

    def go_on(self, now: float) -> Request | None:
        """Deal with the next thing in hand."""
        self._is_queued = False
        if self._asked:
            request = self._asked.pop(0)
        elif not self._items:
            self._take_in_more(now)
            request = None
        else:
            request = self._deal_with(self._items.pop(), now)
        self._queue()
        return request

    def fail(self, error: outcome.Error) -> None:
        """End with this error, which is raised in the task of the connection."""
        self._failure = error
        self._begin_closing()
        self._over.set()

    def _hear(self, size: int, frames: int, now: float) -> None:
        """Any byte is a sign of life; every frame costs a token."""
        self._last_heard = now
        self._metrics.bytes_in.count += size
        if frames and self._frames.take(now, frames):
            self.end(CloseCode.TOO_MUCH)

    def _take(self, text: str, now: float) -> Request | None:
        if self._ending is not None:
            return None
        self._metrics.messages_in.count += 1
        try:
            return self._conversation.take(text, now)
        except Disconnect as disconnect:
            self.end(disconnect.code, disconnect.reason)
            return None

    def _take_in(self, data: bytes, now: float) -> None:
        """Find what is in the data; everything found before has been dealt with."""
        if data:
            self._scan(data, now)
        else:
            self._hold()
            self._give(b"")

    def _take_in_more(self, now: float) -> None:
        """Go on with what has come, but was not decrypted or inflated yet."""
        if self._scanner.has_more:
            self._scan(b"", now)
        elif self._transport.has_pending:
            with suppress(BlockingIOError):
                self._take_in(self._receive(), now)

    def _scan(self, data: bytes, now: float) -> None:
        before = self._scanner.frames
        self._items[:] = reversed(self._scanner.receive(data))
        self._hear(len(data), self._scanner.frames - before, now)

    def _deal_with(self, item: Item | bytes, now: float) -> Request | None:
        if isinstance(item, str):
            return self._take(item, now)
        if isinstance(item, Disconnect):
            self.end(item.code, item.reason)
        elif isinstance(item, PassOn):
            for _ in range(1 + item.messages):  # until it has come out of trio-websocket again
                self._hold()
            self._give(item.data)
        elif self._ending is None:
            try:
                self._conversation.take_binary(item)
            except Disconnect as disconnect:
                self.end(disconnect.code, disconnect.reason)
        return None

    def _queue(self) -> None:
        """Have `go_on` called, if there is something in hand that may be dealt with now."""
        if self._is_queued or self._holds:
            return
        if self._items or self._asked or self._scanner.has_more or self._transport.has_pending:
            self._is_queued = True
            self._inbox.serve(self._fd)

    def _hold(self) -> None:
        """Read nothing, and deal with nothing that has come, until `_release` is called."""
        if not self._holds:
            self._inbox.unwatch(self._fd)
        self._holds += 1

    def _release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._inbox.watch(self._fd, self)
            self._is_queued = False  # the inbox serves nothing that is not watched
            self._queue()

    async def _hold_for(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Disconnect as disconnect:
            self.end(disconnect.code, disconnect.reason)
        except trio.BrokenResourceError:
            pass  # the writer ends the connection
        self._release()

    def _begin_closing(self) -> None:
        """From now on only a close frame is of interest; the rest is read and thrown away."""
        self._scanner.begin_closing()
        self._items = [item for item in self._items if isinstance(item, PassOn) and item.is_close]
        self._asked.clear()

    def _on_full(self) -> None:
        self.end(CloseCode.TOO_SLOW)

    # --- the tasks ----------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        """Answer the upgrade, deal with what came after it, and read on."""
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self.outbox.send_nowait(self._answer)
        self._answer = b""
        if self._trailing:
            self._scan(self._trailing, trio.current_time())
            self._trailing = b""
        self._release()

    def _give(self, data: bytes) -> None:
        """Let trio-websocket read this; nothing is the end."""
        self._open_websocket()
        self._stream.give(data)

    def _open_websocket(self) -> WebSocketConnection:
        """Return trio-websocket, which runs from now on."""
        websocket = self._websocket
        if websocket is None:
            websocket = self._stream.open(self._settings.max_frame_bytes)
            self._websocket = websocket
            self.start_soon(websocket._reader_task)  # noqa: SLF001 - as `wrap_server_stream` does
            self.start_soon(partial(self._receive_rare_messages, websocket))
        return websocket

    async def _receive_rare_messages(self, websocket: WebSocketConnection) -> None:
        """Take in hand what trio-websocket puts together; its end is the end of the connection."""
        try:
            while True:
                self._items.append(await websocket.get_message())
                self._release()
        except (ConnectionClosed, trio.BrokenResourceError):
            self._heard_out.set()
            self._over.set()

    async def _write(self) -> None:
        try:
            await self.outbox.drain_forever()
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, trio.TooSlowError):
                self._metrics.drops.labels(reason=WRITE_TIMEOUT).inc()
            self._begin_closing()
            self._heard_out.set()
            self._over.set()

    def _beat(self, now: float) -> float:
        """Health: ping, send a heartbeat, and see to the deadlines; returns what is due next."""
        settings = self._settings
        if self._is_queued or self._inbox.is_paused(self._fd):
            self._last_heard = now  # the server is slow, so silence is not the client's fault
        pong_due = self._last_heard + settings.pong_timeout_seconds
        if now >= pong_due:
            self.end(CloseCode.NO_PONG)
        elif now >= self._token_ends:
            self.end(CloseCode.TOKEN_ENDED)
        elif now >= self._hello_due and not self._conversation.has_begun:
            self.end(CloseCode.NO_FIRST_FRAME)
        frames = []
        if now >= self._next_ping:
            frames.append(PING_FRAME)
            self._next_ping = now + settings.ping_interval_seconds
        if now >= self._next_heartbeat:
            frames.extend(filter(None, [self._conversation.heartbeat()]))
            self._next_heartbeat = now + settings.heartbeat_interval_seconds
        if now >= self._token_warning_due and self._conversation.has_begun:
            left_ms = max(0, round((self._token_ends - now) * 1000))
            frames.extend(filter(None, [self._conversation.announce(TokenEnds(left_ms))]))
            self._token_warning_due = math.inf
        if frames:
            self.outbox.offer(frames, b"".join(frames))
        due = min(pong_due, self._next_ping, self._next_heartbeat, self._token_ends)
        if self._conversation.has_begun:
            return min(due, self._token_warning_due)
        # Whether to warn is known by the first frame: that may come at any time.
        return min(due, self._hello_due, max(self._token_warning_due, now + QUARTER_SECONDS))

    # --- the end ------------------------------------------------------------------------------

    def _code(self) -> int:
        """With which code it ends, as far as is known."""
        return int(self._ending.code) if self._ending is not None else self._code_from_there()

    def _code_from_there(self) -> int:
        """The code with which trio-websocket has seen it end."""
        closed = self._websocket.closed if self._websocket is not None else None
        return int(closed.code) if closed is not None else ABNORMAL

    async def _close(self) -> None:
        """Close in good order, whoever began; a client that takes nothing in time is reset."""
        with suppress(trio.BrokenResourceError):
            is_closed = self._websocket is not None and self._websocket.closed is not None
            if self._ending is not None and not is_closed:
                await self._close_from_here(self._open_websocket(), self._ending)
                await self.outbox.flush()
            else:
                await self._heard_out.wait()
                await self._close_from_there()

    async def _close_from_here(self, websocket: WebSocketConnection, ending: Disconnect) -> None:
        """Send the close frame behind what is queued, and wait a while for the client's."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._limit_close, nursery.cancel_scope)
            await websocket.aclose(ending.code, ending.reason or MEANING[ending.code])
            nursery.cancel_scope.cancel()

    async def _limit_close(self, scope: trio.CancelScope) -> None:
        try:
            await self.outbox.flush()
            await trio.sleep(self._settings.close_timeout_seconds)
        except trio.BrokenResourceError:
            pass
        scope.cancel()

    async def _close_from_there(self) -> None:
        """The client closed, broke the protocol, or vanished: trio-websocket says no more."""
        if self._stream.close_frame_sent:
            await self.outbox.flush()
            return
        code = self._code_from_there()
        if self.outbox.is_broken or (self._ending is None and code == ABNORMAL):
            return
        # trio-websocket ends a connection that breaks the protocol without a word.
        ending = self._ending or Disconnect(CloseCode(code))
        self.end(ending.code)
        await self.outbox.send(close_frame(ending.code, ending.reason))
        await self.outbox.flush()
        self._hold()
        with trio.move_on_after(self._settings.close_timeout_seconds):
            await self._transport.linger()


def _extensions(deflate: str | None) -> bytes:
    """The field of the answer that says that messages may be compressed."""
    return b"" if deflate is None else b"Sec-WebSocket-Extensions: %s\r\n" % deflate.encode()

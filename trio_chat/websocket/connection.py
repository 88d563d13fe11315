"""One WebSocket and its nursery: reader, writer, health, and the way it ends.

    nursery of the connection
    ├─ this task      waits for the end, while a `Pulse` sees to its health; then it closes
    ├─ reader         trio-websocket's, on our `MessageStream`; delivers whole text messages, or
    │                 rests at the `Watch`, which delivers the usual ones without waking it
    ├─ rare messages  what trio-websocket puts together itself: fragmented ones, binary ones
    └─ writer         `Outbox.drain_forever`

What is said on it is the business of a `Conversation`; chat and echo share this code.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from trio_chat.errors import Disconnect
from trio_chat.metrics import WRITE_TIMEOUT, Metrics
from trio_chat.protocol.closing import MEANING, CloseCode
from trio_chat.protocol.frames import PING_FRAME, FrameScanner, close_frame
from trio_chat.protocol.handshake import Upgrade
from trio_chat.protocol.membership import Request
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
    """One WebSocket.

    Args:
        transport: What carries it; `run` closes it.
        upgrade: The request to be answered.
        settings: Limits and intervals.
        metrics: What the connection counts goes here.
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
        pulse: Pulse,
        frame_rate: float,
        seconds_to_live: float = math.inf,
    ) -> None:
        now = trio.current_time()
        self.address = counted_address(upgrade.address)
        """What limits count it by."""
        self._deflate = upgrade.deflate if settings.compression == "on" else None
        self.form = Form.PLAIN if self._deflate is None else Form.DEFLATED
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
        scanner = FrameScanner(settings.max_frame_bytes, takes_deflated=self.form is Form.DEFLATED)
        self._stream = MessageStream(transport, self.outbox, upgrade, scanner, self)
        self._frames = TokenBucket(frame_rate, settings.frame_burst, now)
        self._last_heard = now
        self._next_ping = now + settings.ping_interval_seconds
        self._next_heartbeat = now + settings.heartbeat_interval_seconds
        self._hello_due = now + settings.hello_timeout_seconds
        self._is_server_slow = False
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
        websocket = None
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    nursery.start_soon(self._write)
                    websocket = await self._accept(nursery)
                    if websocket is not None:
                        nursery.start_soon(self._receive_rare_messages, websocket)
                        await self._pulse.attend(self._beat, self._over)
                        await conversation.leave(self._code(websocket))
                        await self._close(websocket)
                finally:
                    self._nursery = None
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await conversation.leave(self._code(websocket))
                await self._transport.aclose(reset=self.outbox.is_broken)
            # All of these know the connection. Without this they would be a circle, which only a
            # full collection undoes, and with thousands of clients those stop the server.
            self.outbox.retire()
            self._is_gone = True
            del self._stream, self._conversation
        return self._code(websocket)

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
            self._stream.begin_closing()
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

    @contextmanager
    def server_is_slow(self) -> Iterator[None]:
        """While the reader waits for the server, silence is not the client's fault."""
        self._is_server_slow = True
        try:
            yield
        finally:
            self._is_server_slow = False
            self._last_heard = trio.current_time()

    # --- what comes in: `trio_chat.websocket.stream.Receiver` -----------------------------------

    def on_bytes(self, size: int, frames: int) -> None:
        """Any byte is a sign of life; every frame costs a token."""
        self._hear(size, frames, trio.current_time())

    async def on_text(self, text: str) -> None:
        """Deal with a text message, unless the connection is ending."""
        if self._over.is_set():
            return
        self._metrics.messages_in.count += 1
        try:
            await self._conversation.on_text(text)
        except Disconnect as disconnect:
            self.on_violation(disconnect)

    @property
    def takes_at_once(self) -> bool:
        """Whether the conversation does."""
        return self._conversation.takes_at_once

    def take_at_once(self, text: str, size: int, now: float) -> Request | None:
        """Do what `on_bytes` and `on_text` do, in one go."""
        self._hear(size, 1, now)
        if self._over.is_set():
            return None
        self._metrics.messages_in.count += 1
        try:
            return self._conversation.at_once(text, now)
        except Disconnect as disconnect:
            self.on_violation(disconnect)
            return None

    def on_violation(self, violation: Disconnect) -> None:
        """End the connection with the code of what the client did."""
        self.end(violation.code, violation.reason)

    def _hear(self, size: int, frames: int, now: float) -> None:
        self._last_heard = now
        self._metrics.bytes_in.count += size
        if frames and self._frames.take(now, frames):
            self.end(CloseCode.TOO_MUCH)

    def _on_full(self) -> None:
        self.end(CloseCode.TOO_SLOW)

    # --- the tasks ----------------------------------------------------------------------------

    async def _accept(self, nursery: trio.Nursery) -> WebSocketConnection | None:
        """Let trio-websocket answer the upgrade, which `trio_chat.http` found well-formed.

        It knows nothing of compression: what it reads has been inflated before.

        Returns:
            None if the client has gone meanwhile.
        """
        # Its size limit counts characters and closes late; the scanner's counts bytes, early. No
        # message waits in its queue: the reader goes on when the message has been taken.
        with trio.fail_after(self._settings.write_timeout_seconds):
            request = await wrap_server_stream(
                nursery,
                self._stream,
                message_queue_size=0,
                max_message_size=self._settings.max_frame_bytes,
            )
            try:
                # `trio_chat.http` passes on no other one.
                subprotocol = next(iter(request.proposed_subprotocols), None)
                websocket = await request.accept(
                    subprotocol=subprotocol, extra_headers=self._extensions()
                )
            except ConnectionClosed:
                return None
        self._stream.accept()
        return websocket

    def _extensions(self) -> list[tuple[bytes, bytes]]:
        return [(b"Sec-WebSocket-Extensions", self._deflate.encode())] if self._deflate else []

    async def _receive_rare_messages(self, websocket: WebSocketConnection) -> None:
        """Deal with what trio-websocket puts together; its end is the end of the connection."""
        try:
            while True:
                message = await websocket.get_message()
                if isinstance(message, str):
                    await self.on_text(message)
                else:
                    await self._on_binary(message)
                self._stream.settle_one()
        except (ConnectionClosed, trio.BrokenResourceError):
            self._heard_out.set()
            self._over.set()

    async def _on_binary(self, data: bytes) -> None:
        if not self._over.is_set():
            try:
                await self._conversation.on_binary(data)
            except Disconnect as disconnect:
                self.on_violation(disconnect)

    async def _write(self) -> None:
        try:
            await self.outbox.drain_forever()
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, trio.TooSlowError):
                self._metrics.drops.labels(reason=WRITE_TIMEOUT).inc()
            self._heard_out.set()
            self._over.set()

    def _beat(self, now: float) -> float:
        """Health: ping, send a heartbeat, and see to the deadlines; returns what is due next."""
        settings = self._settings
        if self._is_server_slow:
            self._last_heard = now
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

    def _code(self, websocket: WebSocketConnection | None) -> int:
        """With which code it ends, as far as is known."""
        if self._ending is not None:
            return int(self._ending.code)
        return _code_of(websocket)

    async def _close(self, websocket: WebSocketConnection) -> None:
        """Close in good order, whoever began; a client that takes nothing in time is reset."""
        with suppress(trio.BrokenResourceError):
            if self._ending is not None and websocket.closed is None:
                await self._close_from_here(websocket, self._ending)
                await self.outbox.flush()
            else:
                await self._heard_out.wait()
                await self._close_from_there(websocket)

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

    async def _close_from_there(self, websocket: WebSocketConnection) -> None:
        """The client closed, broke the protocol, or vanished: trio-websocket says no more."""
        if self._stream.close_frame_sent:
            await self.outbox.flush()
            return
        code = _code_of(websocket)
        if self.outbox.is_broken or (self._ending is None and code == ABNORMAL):
            return
        # trio-websocket ends a connection that breaks the protocol without a word.
        ending = self._ending or Disconnect(CloseCode(code))
        self.end(ending.code)
        await self.outbox.send(close_frame(ending.code, ending.reason))
        await self.outbox.flush()
        with trio.move_on_after(self._settings.close_timeout_seconds):
            await self._transport.linger()


def _code_of(websocket: WebSocketConnection | None) -> int:
    """The code with which trio-websocket has seen it end."""
    return int(websocket.closed.code) if websocket and websocket.closed else ABNORMAL

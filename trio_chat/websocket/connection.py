"""One WebSocket and its nursery: reader, writer, health, and the way it ends.

    nursery of the connection
    ├─ this task      waits for the end, while a `TimerWheel` sees to its health; then it closes
    ├─ writer         `Outbox.drain_forever`
    ├─ reader         trio-websocket's, on our `MessageStream`; begins with the first frame that is
    │                 unusual: most often the answer to a ping
    └─ rare messages  what trio-websocket puts together itself: fragmented ones, binary ones

The hub's inbox reads the socket, in the hub's task, by way of `trio_chat.websocket.reader`: there a
message enters the server. What is said on it is the business of a `Conversation`
(`trio_chat.websocket.chat` comes next); chat and echo share this code.
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
from trio_chat.hub.requests import Request, Requests
from trio_chat.metrics import WRITE_TIMEOUT, Metrics
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.handshake import Upgrade
from trio_chat.protocol.messages import Reconnect
from trio_chat.ratelimit import TokenBucket, counted_address
from trio_chat.settings import Settings
from trio_chat.websocket.conversation import Conversation
from trio_chat.websocket.frames import FrameScanner, close_frame
from trio_chat.websocket.health import Health
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.reader import Reader
from trio_chat.websocket.stream import MessageStream
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import Transport

ABNORMAL: Final = 1006
"""What RFC 6455 calls an end without a close frame; never sent."""


class Connection:
    """One WebSocket. Satisfies `trio_chat.websocket.reader.Owner`.

    Args:
        transport: What carries it; `run` closes it.
        upgrade: The request to be answered.
        settings: Limits and intervals.
        metrics: What the connection counts goes here.
        inbox: The hub's, which reads the connection.
        timers: Runs as long as the connection does.
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
        timers: TimerWheel,
        frame_rate: float,
        seconds_to_live: float = math.inf,
    ) -> None:
        now = trio.current_time()
        self.address = counted_address(upgrade.address)
        """What limits count it by."""
        deflate = upgrade.deflate if settings.compression == "on" else None
        self.encoding = Encoding.PLAIN if deflate is None else Encoding.DEFLATED
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
        self._timers = timers
        self._health = Health(settings, now, seconds_to_live)
        self._reader = Reader(
            transport,
            FrameScanner(settings.max_frame_bytes, takes_deflated=deflate is not None),
            self,
            inbox=inbox,
            health=self._health,
            metrics=metrics,
            frames=TokenBucket(frame_rate, settings.frame_burst, now),
        )
        self._stream = MessageStream(self.outbox, self._reader.release)
        self._websocket: WebSocketConnection | None = None
        self._answer = upgrade.answer + _extensions(deflate) + b"\r\n"
        self._trailing = upgrade.trailing
        self._failure: outcome.Error | None = None
        self._ending: Disconnect | None = None
        self._over = trio.Event()
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
        self._conversation = self._reader.conversation = conversation
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    nursery.start_soon(self._write)
                    self._begin_reading()
                    await self._timers.run_until(self._beat, self._over)
                    self._reader.begin_closing()
                    if self._failure is None:
                        await conversation.leave(self._code())
                        await self._close()
                    if self._failure is not None:  # it may have come in the meantime
                        self._failure.unwrap()
                finally:
                    self._nursery = None
                nursery.cancel_scope.cancel()
        finally:
            self._reader.begin_closing()
            self._reader.hold()
            with trio.CancelScope(shield=True):
                code = self._code()
                await conversation.leave(code)
                await self._transport.aclose(reset=self.outbox.is_broken)
            # All of these know the connection. Without this they would be a circle, which only a
            # full collection undoes, and with thousands of clients those stop the server.
            self.outbox.retire()
            self._is_gone = True
            del self._stream, self._websocket, self._conversation, self._reader
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
            self._reader.begin_closing()
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
        self._health.live_for(trio.current_time(), seconds)
        self._timers.reschedule(self._over)  # either may be due before anything else is

    def ask(self, request: Request) -> None:
        """Ask something of the hub, in this order, and before what the client says."""
        self._reader.ask(request)

    def wait_for(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task beside the conversation, and deal with nothing the client sends meanwhile."""
        if self._nursery is not None:
            self._reader.hold()
            self._nursery.start_soon(self._hold_for, task)

    # --- for the reader --------------------------------------------------------------------------

    def fail(self, error: outcome.Error) -> None:
        """End with this error, which is raised in the task of the connection."""
        self._failure = error
        self._reader.begin_closing()
        self._reader.hold()
        self._over.set()

    def give(self, data: bytes) -> None:
        """Let trio-websocket read this; nothing is the end."""
        self._open_websocket()
        self._stream.give(data)

    async def _hold_for(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Disconnect as disconnect:
            self.end(disconnect.code, disconnect.reason)
        except trio.BrokenResourceError:
            pass  # the writer ends the connection
        self._reader.release()

    def _on_full(self) -> None:
        self.end(CloseCode.TOO_SLOW)

    # --- the tasks ----------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        """Answer the upgrade, deal with what came after it, and read on."""
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self.outbox.send_nowait(self._answer)
        self._answer = b""
        if self._trailing:
            self._reader.take_in(self._trailing, trio.current_time())
            self._trailing = b""
        self._reader.release()

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
                self._reader.take_back(await websocket.get_message())
        except (ConnectionClosed, trio.BrokenResourceError):
            self._heard_out.set()
            self._over.set()

    async def _write(self) -> None:
        try:
            await self.outbox.drain_forever()
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, trio.TooSlowError):
                self._metrics.drops.labels(reason=WRITE_TIMEOUT).inc()
            self._reader.begin_closing()
            self._heard_out.set()
            self._over.set()

    def _beat(self, now: float) -> float:
        """See to the health; return when that is due again."""
        if self._reader.is_kept_waiting:
            self._health.last_heard = now  # the server is slow: silence is not the client's fault
        code = self._health.ends_with(now, has_begun=self._conversation.has_begun)
        if code is not None:
            self.end(code)
        frames = self._health.frames(now, self._conversation)
        if frames:
            self.outbox.offer(frames, b"".join(frames))
        return self._health.due(now, has_begun=self._conversation.has_begun)

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
        self._reader.hold()
        with trio.move_on_after(self._settings.close_timeout_seconds):
            await self._transport.linger()


def _extensions(deflate: str | None) -> bytes:
    """The field of the answer that says that messages may be compressed."""
    return b"" if deflate is None else b"Sec-WebSocket-Extensions: %s\r\n" % deflate.encode()

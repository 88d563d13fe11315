"""One WebSocket and its nursery: the tasks of a connection, and how it closes.

    nursery of the connection
    ├─ this task      waits for the end, while a `TimerWheel` watches the deadlines; then it closes
    ├─ writer         `Outbox.drain_forever`
    ├─ reader         trio-websocket's, on a `MessageStream`; starts with the first unusual frame,
    │                 mostly the answer to a ping
    └─ rare messages  those that trio-websocket assembles: fragmented and binary ones

Before this comes `trio_chat.websocket.endpoint`, which accepts the upgrade. A message does not pass
here: the hub's inbox reads the socket through `trio_chat.websocket.reader`, which passes it to the
`Conversation`: `trio_chat.websocket.chat`, or the echo.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import outcome
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from trio_chat.errors import Disconnect
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import Request
from trio_chat.metrics import WRITE_TIMEOUT, Metrics
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.handshake import Upgrade
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.ratelimit import TokenBucket, counted_address
from trio_chat.settings import Settings
from trio_chat.websocket.frames import FrameScanner, close_frame
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.reader import Reader
from trio_chat.websocket.stream import MessageStream
from trio_chat.websocket.timers import Health, TimerWheel
from trio_chat.websocket.transport import Transport

ABNORMAL: Final = 1006
"""The code of RFC 6455 for an end without a close frame. The server never sends it."""


class Conversation(Protocol):
    """The protocol spoken on a connection: the chat, or the echo.

    Attributes:
        has_begun: Whether the client has sent its first message, if it must.
    """

    has_begun: bool

    def take(self, text: str, now: float) -> Request | None:
        """Handle a text message.

        Work that must block goes to `Connection.wait_for`; no message arrives before it is done.

        Args:
            text: The message.
            now: The time on Trio's clock, in seconds.

        Returns:
            The request to the hub, if any.

        Raises:
            Disconnect: The connection must close.
        """

    def take_binary(self, data: bytes) -> None:
        """Handle a binary message, as `take` does."""

    def heartbeat(self) -> bytes | None:
        """Return the heartbeat, as a frame, if there must be one."""

    def announce(self, news: TokenEnds | Reconnect) -> bytes | None:
        """Return this message as a frame, if the client understands it."""

    async def leave(self, code: int) -> None:
        """Clean up when the connection closes. Later calls do nothing; the last one is shielded.

        Args:
            code: The close code: the server's, the client's, or `ABNORMAL`.
        """


class Connection:
    """One WebSocket. Satisfies `trio_chat.websocket.reader.Owner`.

    Args:
        transport: Carries the bytes; `run` closes it.
        upgrade: The request to answer.
        settings: Limits and intervals.
        metrics: Counts what the connection does.
        inbox: The hub's inbox, which reads the connection.
        timers: Must run as long as the connection does.
        frame_rate: Frames per second that may arrive; 0 for no limit.
        seconds_to_live: When the client's token expires.
    """

    def __init__(  # noqa: PLR0913 - given once, by the endpoint
        self,
        transport: Transport,
        upgrade: Upgrade,
        settings: Settings,
        metrics: Metrics,
        *,
        inbox: Inbox,
        timers: TimerWheel,
        frame_rate: float,
        seconds_to_live: float = math.inf,
    ) -> None:
        now = trio.current_time()
        self.address = counted_address(upgrade.address)
        """The address that limits count."""
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
        # Set after trio-websocket has answered the client's close; it is `closed` before that.
        self._heard_out = trio.Event()
        self._conversation: Conversation
        # None before and after the time in which new tasks may start.
        self._nursery: trio.Nursery | None = None
        self._is_gone = False

    async def run(self, conversation: Conversation) -> int:
        """Run from the upgrade to the close; always releases the socket.

        Returns:
            The close code: the server's, the client's, or `ABNORMAL`.
        """
        self._conversation = self._reader.conversation = conversation
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    nursery.start_soon(self._write)
                    self._begin_reading()
                    await self._timers.run_until(self._over, self._on_time)
                    self._reader.begin_closing()
                    if self._failure is None:
                        await conversation.leave(self._code())
                        await self._close()
                    if self._failure is not None:  # it may have failed in the meantime
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
            # These refer to the connection. Freeing such a cycle takes a full garbage collection,
            # which stops the server when it has thousands of clients.
            self.outbox.retire()
            self._is_gone = True
            del self._stream, self._websocket, self._conversation, self._reader
        return code

    def start_soon(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task until the connection ends; once the connection is ending, do nothing.

        The hub may not know yet that it is ending.
        """
        if self._nursery is not None:
            self._nursery.start_soon(task)

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Close the connection. Only the first call counts.

        From now on the client receives nothing new, except frames in the queue, and the server
        ignores what it sends.
        """
        if self._ending is None and not self._is_gone:
            self._ending = Disconnect(code, reason)
            self._metrics.drops.labels(reason=code.name.lower()).inc()
            self.outbox.seal()
            self._reader.begin_closing()
            self._over.set()

    def announce_end(self, after_ms: int) -> bool:
        """Announce the end to a client of version 2; return False for other clients."""
        frame = self._conversation.announce(Reconnect(after_ms))
        if frame is None:
            return False
        self.outbox.offer([frame], frame)
        return True

    def live_for(self, seconds: float) -> None:
        """Set the seconds until the client's token expires."""
        self._health.live_for(trio.current_time(), seconds)
        self._timers.reschedule(self._over)  # the end or its warning may be due next

    def ask(self, request: Request) -> None:
        """See `Reader.ask`."""
        self._reader.ask(request)

    def wait_for(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task, and handle no message of the client meanwhile."""
        if self._nursery is not None:
            self._reader.hold()
            self._nursery.start_soon(self._hold_for, task)

    # --- for the reader --------------------------------------------------------------------------

    def fail(self, error: outcome.Error) -> None:
        """Close the connection; `run` raises this error."""
        self._failure = error
        self._reader.begin_closing()
        self._reader.hold()
        self._over.set()

    def give(self, data: bytes) -> None:
        """Pass bytes to trio-websocket; none for the end."""
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
        """Answer the upgrade, handle the bytes after it, and start reading."""
        with suppress(trio.BrokenResourceError):  # the writer ends the connection
            self.outbox.send_nowait(self._answer)
        self._answer = b""
        if self._trailing:
            self._reader.take_in(self._trailing, trio.current_time())
            self._trailing = b""
        self._reader.release()

    def _open_websocket(self) -> WebSocketConnection:
        """Return trio-websocket, after starting it if necessary."""
        websocket = self._websocket
        if websocket is None:
            websocket = self._stream.open(self._settings.max_frame_bytes)
            self._websocket = websocket
            self.start_soon(websocket._reader_task)  # noqa: SLF001 - as `wrap_server_stream` does
            self.start_soon(partial(self._receive_rare_messages, websocket))
        return websocket

    async def _receive_rare_messages(self, websocket: WebSocketConnection) -> None:
        """Handle the messages that trio-websocket assembles; when it ends, the connection ends."""
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

    def _on_time(self, now: float) -> float:
        """Handle the deadlines that have passed; return the time of the next one."""
        if self._reader.is_kept_waiting:
            self._health.last_heard = now  # the server is slow, not the client
        code = self._health.ends_with(now, has_begun=self._conversation.has_begun)
        if code is not None:
            self.end(code)
        frames = self._health.frames(now, self._conversation)
        if frames:
            self.outbox.offer(frames, b"".join(frames))
        return self._health.due(now, has_begun=self._conversation.has_begun)

    # --- closing ------------------------------------------------------------------------------

    def _code(self) -> int:
        """Return the close code, as far as known."""
        return int(self._ending.code) if self._ending is not None else self._code_from_there()

    def _code_from_there(self) -> int:
        """Return the close code that trio-websocket has seen."""
        closed = self._websocket.closed if self._websocket is not None else None
        return int(closed.code) if closed is not None else ABNORMAL

    async def _close(self) -> None:
        """Perform the closing handshake, whichever side began it."""
        with suppress(trio.BrokenResourceError):
            is_closed = self._websocket is not None and self._websocket.closed is not None
            if self._ending is not None and not is_closed:
                await self._close_from_here(self._open_websocket(), self._ending)
                await self.outbox.flush()
            else:
                await self._heard_out.wait()
                await self._close_from_there()

    async def _close_from_here(self, websocket: WebSocketConnection, ending: Disconnect) -> None:
        """Send the close frame after the queue, and wait a limited time for the client's."""
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
        """Finish after the client closed, violated the protocol, or vanished."""
        if self._stream.close_frame_sent:
            await self.outbox.flush()
            return
        code = self._code_from_there()
        if self.outbox.is_broken or (self._ending is None and code == ABNORMAL):
            return
        # After a protocol violation, trio-websocket sends no close frame.
        ending = self._ending or Disconnect(CloseCode(code))
        self.end(ending.code)
        await self.outbox.send(close_frame(ending.code, ending.reason))
        await self.outbox.flush()
        self._reader.hold()
        with trio.move_on_after(self._settings.close_timeout_seconds):
            await self._transport.linger()


def _extensions(deflate: str | None) -> bytes:
    """Return the header that accepts compression."""
    return b"" if deflate is None else b"Sec-WebSocket-Extensions: %s\r\n" % deflate.encode()

"""Reads one connection: a client's message enters the server here.

Before this comes `trio_chat.hub.inbox`, which calls `Reader.read` when the socket is readable, in
the hub's task. The usual packet is one short text message: `Reader` passes it to
`trio_chat.websocket.chat` in the same call, and returns the resulting request. Everything else
waits in a list, and the inbox calls `Reader.go_on` for one item at a time.

Control frames, fragments and unusual frames go to trio-websocket. Until it has handled them, the
reader *holds*: it neither reads nor handles anything. That preserves the order of messages.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import outcome

from trio_chat.errors import Disconnect
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import Request
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.ratelimit import TokenBucket
from trio_chat.websocket.frames import FrameScanner, Item, PassOn
from trio_chat.websocket.timers import Health
from trio_chat.websocket.transport import RECEIVE_BYTES, Transport

if TYPE_CHECKING:
    from trio_chat.websocket.connection import Conversation


class Owner(Protocol):
    """The connection of a reader."""

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Close the connection with this code."""

    def fail(self, error: outcome.Error) -> None:
        """Close the connection, and raise this error in its task."""

    def give(self, data: bytes) -> None:
        """Pass bytes to trio-websocket; none for the end. `Reader.release` follows."""


class Reader:
    """Satisfies `trio_chat.hub.requests.Source` towards the inbox.

    The reader holds until the upgrade has been answered: the first `release` starts the reading.

    Args:
        transport: The transport to read.
        scanner: Finds the frames.
        owner: The connection.
        inbox: The hub's inbox.
        health: Records when the client last sent bytes.
        metrics: Counts messages and bytes.
        frames: The rate limit for frames.
    """

    def __init__(  # noqa: PLR0913 - given once, by the connection
        self,
        transport: Transport,
        scanner: FrameScanner,
        owner: Owner,
        *,
        inbox: Inbox,
        health: Health,
        metrics: Metrics,
        frames: TokenBucket,
    ) -> None:
        self.conversation: Conversation
        """Receives the messages; the owner sets it before the reading starts."""
        self._transport = transport
        self._receive = transport.receive
        self._fd = transport.fileno()
        self._scanner = scanner
        self._owner = owner
        self._inbox = inbox
        self._health = health
        self._metrics = metrics
        self._frames = frames
        self._items: list[Item | bytes] = []
        """Received items, the next one last (an empty deque takes 760 bytes)."""
        self._asked: list[Request] = []
        """Requests of the conversation to the hub; they come before the items."""
        self._holds = 1
        """The number of reasons for holding."""
        self._is_queued = False
        """Whether the inbox is about to call `go_on`."""
        self._is_closing = False

    # --- for the inbox ---------------------------------------------------------------------------

    def read(self, now: float) -> Request | None:
        """Receive from the socket, and handle the usual packet: one whole, short text message."""
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
        self._hear(len(data), 1, now)
        request = self._take(text, now)
        if self._transport.has_pending:
            self._queue()
        return request

    def go_on(self, now: float) -> Request | None:
        """Handle the next waiting item."""
        self._is_queued = False
        if self._asked:
            request = self._asked.pop(0)
        elif not self._items:
            self._take_in_more(now)
            request = None
        else:
            request = self._handle(self._items.pop(), now)
        self._queue()
        return request

    def fail(self, error: outcome.Error) -> None:
        """See `Owner.fail`."""
        self._owner.fail(error)

    # --- for the connection ----------------------------------------------------------------------

    @property
    def is_kept_waiting(self) -> bool:
        """Whether the server is behind with this client, which explains its silence."""
        return self._is_queued or self._inbox.is_paused(self._fd)

    def ask(self, request: Request) -> None:
        """Send a request to the hub, in this order, and before later messages of the client."""
        if not self._is_closing:
            self._asked.append(request)
            self._queue()

    def hold(self) -> None:
        """Read and handle nothing until `release`."""
        if not self._holds:
            self._inbox.unwatch(self._fd)
        self._holds += 1

    def release(self) -> None:
        """Undo one `hold`; after the last one, go on."""
        self._holds -= 1
        if not self._holds:
            self._inbox.watch(self._fd, self)
            self._is_queued = False  # the inbox serves only watched sources
            self._queue()

    def take_in(self, data: bytes, now: float) -> None:
        """Scan received bytes. Call this only when no items are waiting."""
        before = self._scanner.frames
        self._items[:] = reversed(self._scanner.receive(data))
        self._hear(len(data), self._scanner.frames - before, now)

    def take_back(self, message: str | bytes) -> None:
        """Handle a message from trio-websocket next, and undo its `hold`."""
        self._items.append(message)
        self.release()

    def begin_closing(self) -> None:
        """Discard everything from now on, except a close frame."""
        self._is_closing = True
        self._scanner.begin_closing()
        self._items = [item for item in self._items if isinstance(item, PassOn) and item.is_close]
        self._asked.clear()

    # --- inside ----------------------------------------------------------------------------------

    def _hear(self, size: int, frames: int, now: float) -> None:
        """Record that the client is alive, and count the frames against the rate."""
        self._health.last_heard = now
        self._metrics.received_bytes.count += size
        if frames and self._frames.take(now, frames):
            self._owner.end(CloseCode.TOO_MUCH)

    def _take(self, text: str, now: float) -> Request | None:
        if self._is_closing:
            return None
        self._metrics.received_messages.count += 1
        try:
            return self.conversation.take(text, now)
        except Disconnect as disconnect:
            self._owner.end(disconnect.code, disconnect.reason)
            return None

    def _take_data(self, data: bytes, now: float) -> None:
        if data:
            self.take_in(data, now)
        else:
            self.hold()
            self._owner.give(b"")

    def _take_in_more(self, now: float) -> None:
        """Scan received bytes that were not decrypted or inflated yet."""
        if self._scanner.has_more:
            self.take_in(b"", now)
        elif self._transport.has_pending:
            with suppress(BlockingIOError):
                self._take_data(self._receive(RECEIVE_BYTES), now)

    def _handle(self, item: Item | bytes, now: float) -> Request | None:
        if isinstance(item, str):
            return self._take(item, now)
        if isinstance(item, Disconnect):
            self._owner.end(item.code, item.reason)
        elif isinstance(item, PassOn):
            for _ in range(1 + item.messages):  # until trio-websocket has returned the messages
                self.hold()
            self._owner.give(item.data)
        elif not self._is_closing:
            try:
                self.conversation.take_binary(item)
            except Disconnect as disconnect:
                self._owner.end(disconnect.code, disconnect.reason)
        return None

    def _queue(self) -> None:
        """Ask the inbox to call `go_on` if anything is waiting."""
        if self._is_queued or self._holds:
            return
        if self._items or self._asked or self._scanner.has_more or self._transport.has_pending:
            self._is_queued = True
            self._inbox.serve(self._fd)

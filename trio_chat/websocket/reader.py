"""What comes in on one connection: here a message enters the server.

The hub's inbox calls `Reader.read` when the socket has something. The usual packet is one short
text message, and goes on to the `Conversation` in the same call. Everything else is taken in hand,
and the inbox calls `Reader.go_on` for one thing after the other.

Control frames, fragments and whatever is unusual go to trio-websocket. Until it has dealt with
them, the reader *holds*: it reads nothing, and deals with nothing in hand. That keeps the order.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import outcome

from trio_chat.errors import Disconnect
from trio_chat.hub.requests import Request, Requests
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.ratelimit import TokenBucket
from trio_chat.websocket.frames import FrameScanner, Item, PassOn
from trio_chat.websocket.health import Health
from trio_chat.websocket.transport import RECEIVE_BYTES, Transport

if TYPE_CHECKING:
    from trio_chat.websocket.conversation import Conversation


class Owner(Protocol):
    """The connection of a reader."""

    def end(self, code: CloseCode, reason: str = "") -> None:
        """End the connection with this code."""

    def fail(self, error: outcome.Error) -> None:
        """End the connection with this error, which is raised in its own task."""

    def give(self, data: bytes) -> None:
        """Let trio-websocket read this; nothing is the end. `Reader.release` says when it has."""


class Reader:
    """Satisfies `trio_chat.hub.requests.Source` towards the inbox.

    It holds until the upgrade has been answered: the first `release` begins the reading.

    Args:
        transport: What is read.
        scanner: Finds the frames.
        owner: The connection.
        inbox: The hub's, which reads the connection.
        health: Learns when something was heard.
        metrics: Messages and bytes are counted here.
        frames: What each frame costs a token of.
    """

    def __init__(  # noqa: PLR0913 - given once, by the connection
        self,
        transport: Transport,
        scanner: FrameScanner,
        owner: Owner,
        *,
        inbox: Requests,
        health: Health,
        metrics: Metrics,
        frames: TokenBucket,
    ) -> None:
        self.conversation: Conversation
        """Gets what is said; to be set before the reading begins."""
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
        """What has come and was not dealt with, back to front (an empty deque takes 760 bytes)."""
        self._asked: list[Request] = []
        """What the conversation asks of the hub besides; it comes before the items."""
        self._holds = 1
        """For how many reasons nothing is dealt with: trio-websocket or a task comes first."""
        self._is_queued = False
        """Whether the inbox is about to call `go_on`."""
        self._is_closing = False

    # --- for the inbox ---------------------------------------------------------------------------

    def read(self, now: float) -> Request | None:
        """Receive, and deal with one whole, short text message: the usual packet of a chat."""
        if self._is_queued:
            return None  # what came before comes first
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
        """See `Owner.fail`."""
        self._owner.fail(error)

    # --- for the connection ----------------------------------------------------------------------

    @property
    def is_kept_waiting(self) -> bool:
        """Whether the server is behind with the client, whose silence is not its fault then."""
        return self._is_queued or self._inbox.is_paused(self._fd)

    def ask(self, request: Request) -> None:
        """Ask something of the hub, in this order, and before what the client says."""
        if not self._is_closing:
            self._asked.append(request)
            self._queue()

    def hold(self) -> None:
        """Read nothing, and deal with nothing that has come, until `release` is called."""
        if not self._holds:
            self._inbox.unwatch(self._fd)
        self._holds += 1

    def release(self) -> None:
        """End one `hold`; after the last one, go on."""
        self._holds -= 1
        if not self._holds:
            self._inbox.watch(self._fd, self)
            self._is_queued = False  # the inbox serves nothing that is not watched
            self._queue()

    def take_in(self, data: bytes, now: float) -> None:
        """Find what is in the data; everything found before has been dealt with."""
        before = self._scanner.frames
        self._items[:] = reversed(self._scanner.receive(data))
        self._hear(len(data), self._scanner.frames - before, now)

    def take_back(self, message: str | bytes) -> None:
        """Take in hand a message that trio-websocket has put together, and end its `hold`."""
        self._items.append(message)
        self.release()

    def begin_closing(self) -> None:
        """From now on only a close frame is of interest; the rest is read and thrown away."""
        self._is_closing = True
        self._scanner.begin_closing()
        self._items = [item for item in self._items if isinstance(item, PassOn) and item.is_close]
        self._asked.clear()

    # --- inside ----------------------------------------------------------------------------------

    def _hear(self, size: int, frames: int, now: float) -> None:
        """Any byte is a sign of life; every frame costs a token."""
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
        """Go on with what has come, but was not decrypted or inflated yet."""
        if self._scanner.has_more:
            self.take_in(b"", now)
        elif self._transport.has_pending:
            with suppress(BlockingIOError):
                self._take_data(self._receive(RECEIVE_BYTES), now)

    def _deal_with(self, item: Item | bytes, now: float) -> Request | None:
        if isinstance(item, str):
            return self._take(item, now)
        if isinstance(item, Disconnect):
            self._owner.end(item.code, item.reason)
        elif isinstance(item, PassOn):
            for _ in range(1 + item.messages):  # until it has come out of trio-websocket again
                self.hold()
            self._owner.give(item.data)
        elif not self._is_closing:
            try:
                self.conversation.take_binary(item)
            except Disconnect as disconnect:
                self._owner.end(disconnect.code, disconnect.reason)
        return None

    def _queue(self) -> None:
        """Have `go_on` called, if there is something in hand that may be dealt with now."""
        if self._is_queued or self._holds:
            return
        if self._items or self._asked or self._scanner.has_more or self._transport.has_pending:
            self._is_queued = True
            self._inbox.serve(self._fd)

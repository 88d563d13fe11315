"""The chat on one connection: drives a `Session`, enforces the user's limits, talks to the hub."""

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

from trio_chat.errors import CommandError, Disconnect, ErrorCode
from trio_chat.log.base import Log
from trio_chat.metrics import Metrics
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.codec import encode
from trio_chat.protocol.frames import TEXT, text_frame
from trio_chat.protocol.handshake import Identity
from trio_chat.protocol.intents import Enter, Say, ShowTyping
from trio_chat.protocol.membership import (
    Admission,
    ChangeTyping,
    Join,
    Leave,
    Publish,
    Request,
    Requests,
)
from trio_chat.protocol.messages import ErrorAnswer, Frame, Heartbeat, History, Notice
from trio_chat.protocol.outgoing import message_frame
from trio_chat.protocol.session import Session
from trio_chat.settings import Settings
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.limits import Limits, UserAt

# A client that is refused this often in this time does not listen (PROTOCOL.md section 6).
MAX_REFUSALS: Final = 50
REFUSALS_SECONDS: Final = 60.0

_CODE_OF_FIRST_FRAME: Final = {
    ErrorCode.BAD_REQUEST: CloseCode.BAD_FIRST_FRAME,
    ErrorCode.FORBIDDEN: CloseCode.UNAUTHORIZED,
}
"""With what a connection ends whose first frame was refused."""


class ChatConversation:
    """One client's chat.

    Satisfies `trio_chat.websocket.connection.Conversation` towards the connection, and
    `trio_chat.protocol.membership.Member` towards the hub.

    Args:
        connection: Where it takes place.
        inbox: The hub's.
        log: Where the history is read.
        limits: Shared by all connections.
        settings: Default room, sizes.
        metrics: Refusals are counted here.
        wall_ms: Milliseconds since 1970 UTC.
        on_entered: Called with the user's name once it is known and may come in.
        identity: Who the client has proved to be; None if it may say anything.
    """

    def __init__(  # noqa: PLR0913 - all by name, each given once, by the endpoint
        self,
        connection: Connection,
        *,
        inbox: Requests,
        log: Log,
        limits: Limits,
        settings: Settings,
        metrics: Metrics,
        wall_ms: Callable[[], int],
        on_entered: Callable[[str], None],
        identity: Identity | None = None,
    ) -> None:
        self.form = connection.form
        # The hub calls these for every delivery: one attribute, no detour.
        self.offer = connection.outbox.offer
        self.reserve = connection.outbox.reserve
        self.unreserve = connection.outbox.unreserve
        self.has_begun = self.takes_at_once = False
        self._connection = connection
        self._inbox = inbox
        self._log = log
        self._limits = limits
        self._settings = settings
        self._metrics = metrics
        self._wall_ms = wall_ms
        self._on_entered = on_entered
        self._is_proven = identity is not None
        self._session = Session(
            settings.default_room,
            settings.max_message_chars,
            settings.max_rooms,
            identity.name if identity is not None else None,
        )
        self._user: UserAt | None = None
        self._refused_at: deque[float] | None = None
        self._admission: Admission | None = None
        self._admitted = trio.Event()

    # --- for the connection -------------------------------------------------------------------

    async def on_text(self, text: str) -> None:
        """Deal with one frame of the client.

        Raises:
            Disconnect: As the first frame was faulty, or there is too much of something.
        """
        if self.has_begun:
            request = self.at_once(text, trio.current_time())
            if request is not None:
                await self._ask(request)
            return
        try:
            intent = self._first_frame(text)
        except CommandError as error:
            self._refuse(error, text)
            raise Disconnect(_CODE_OF_FIRST_FRAME[error.code], error.message) from error
        await self._enter(intent)

    def _first_frame(self, text: str) -> Enter:
        intent = self._session.receive(text)
        assert isinstance(intent, Enter)  # noqa: S101 - a first frame means nothing else
        if intent.is_version_2:
            raise CommandError(
                ErrorCode.BAD_REQUEST, "The first frame must be a plain user name on this server"
            )
        return intent

    def at_once(self, text: str, now: float) -> Publish | ChangeTyping | None:
        """Deal with a frame behind the first, and say what is left for the hub to do.

        Raises:
            Disconnect: There is too much of something.
        """
        user = self._user
        assert user is not None  # noqa: S101 - the first frame says who it is
        try:
            match self._session.receive(text):
                case Say(room, message):
                    self._take_message_token(user, now)
                    return Publish(self, room, message)
                case ShowTyping(room, is_typing):  # pragma: no branch - `Enter` comes first only
                    if not self._limits.typing.take(user, now):
                        return ChangeTyping(self, room, is_typing)
        except CommandError as error:
            self._refuse(error, text)
            if error.code is ErrorCode.RATE_LIMITED and self._does_not_listen(now):
                raise Disconnect(CloseCode.TOO_MUCH) from error
        return None

    async def on_binary(self, data: bytes) -> None:  # noqa: ARG002
        """The chat is text."""
        raise Disconnect(CloseCode.UNSUPPORTED_DATA)

    def heartbeat(self) -> bytes:
        """A heartbeat frame with the time."""
        return text_frame(encode(Heartbeat(self._wall_ms())))

    async def leave(self) -> None:
        """Take the member out of its room, and tell nobody twice.

        A cancellation leaves it in the room, to be called again.
        """
        user = self._user
        if user is None:
            return
        with suppress(trio.BrokenResourceError):  # there is no hub any more
            await self._inbox.send(Leave(self))
        self._user = None
        self._limits.disconnect(user)

    # --- for the hub --------------------------------------------------------------------------

    def admit(self, admission: Admission) -> None:
        """The member is in the room, held."""
        self._admission = admission
        self._admitted.set()

    # --- inside -------------------------------------------------------------------------------

    async def _enter(self, enter: Enter) -> None:
        """Join the room, and send what was before."""
        user = UserAt(enter.name.key, "" if self._is_proven else self._connection.address)
        self._limits.connect(user)
        self._user = user
        self.has_begun = self.takes_at_once = True
        self._on_entered(enter.name.shown)
        for room in enter.rooms:
            await self._ask(Join(self, room, enter.name))
        await self._admitted.wait()
        admission, self._admission = self._admission, None
        assert admission is not None  # noqa: S101 - the event says so
        page = await self._log.read_before(
            admission.room, admission.cut + 1, self._settings.history_size
        )
        history = History(admission.room, page.events, page.more, self._wall_ms())
        frames = [message_frame(self.form, TEXT, encode(history))] if page.events else []
        admission.release(frames)

    async def _ask(self, request: Request) -> None:
        """Put a request into the hub's inbox; a full one makes this client wait, and no other."""
        try:
            self._inbox.send_nowait(request)
        except trio.WouldBlock:
            with self._connection.server_is_slow():
                await self._inbox.send(request)

    def _take_message_token(self, user: UserAt, now: float) -> None:
        wait = self._limits.messages.take(user, now)
        if wait:
            wait_ms = math.ceil(wait * 1000)
            raise CommandError(
                ErrorCode.RATE_LIMITED,
                f"You are sending too fast; try again in {wait_ms} ms",
                retry_after_ms=wait_ms,
            )

    def _does_not_listen(self, now: float) -> bool:
        """Note that a message was over the rate, and say whether there were too many of those."""
        if self._refused_at is None:  # most clients never need it
            self._refused_at = deque(maxlen=MAX_REFUSALS)
        refused_at = self._refused_at
        refused_at.append(now)
        return (
            len(refused_at) == MAX_REFUSALS and refused_at[-1] - refused_at[0] <= REFUSALS_SECONDS
        )

    def _refuse(self, error: CommandError, text: str) -> None:
        """Count an error and answer it: a plain client knows only ``system``."""
        self._metrics.refusals.labels(reason=error.code.value).inc()
        answer: Frame
        if not self.has_begun and text.startswith("{"):
            answer = ErrorAnswer(error.code.value, error.message, error.retry_after_ms)
        else:
            answer = Notice(self._settings.default_room, error.message, self._wall_ms())
        frame = text_frame(encode(answer))
        self.offer([frame], frame)

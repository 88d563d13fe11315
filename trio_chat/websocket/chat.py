"""The chat on one connection: drives a `Session`, enforces the user's limits, talks to the hub."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

from trio_chat.access.tokens import BadToken
from trio_chat.errors import CommandError, Disconnect, ErrorCode, Outage
from trio_chat.hub.changes import Changes
from trio_chat.hub.requests import (
    Admission,
    ChangeTyping,
    Join,
    Leave,
    LeaveRoom,
    Names,
    Publish,
    Request,
    Requests,
)
from trio_chat.hub.requests import MarkRead as ReadMarker
from trio_chat.metrics import Metrics
from trio_chat.protocol import commands, messages
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import Since
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import text_frame
from trio_chat.protocol.events import Author, Kind
from trio_chat.protocol.handshake import Identity
from trio_chat.protocol.intents import Change, Enter, Intent, LookBack, MarkRead, Say, ShowTyping
from trio_chat.protocol.messages import ServerMessage
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Session
from trio_chat.protocol.shape import LARGE_CHARS
from trio_chat.settings import Settings
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.history import HistorySender, crowded, refusal_for
from trio_chat.websocket.history_reader import HistoryReader
from trio_chat.websocket.joining import Joining
from trio_chat.websocket.limits import Allowance, Limits, UserAt, limits_of, most_held, rate_limited
from trio_chat.websocket.request_queue import RequestQueue
from trio_chat.websocket.rooms import OwnRooms

# 128 random bits, as many as a client is to take itself.
_DEVICE_BYTES: Final = 16

# For the store, which needs to know a device again, and not the secret.
_DIGEST_CHARS: Final = 32

_CODE_OF_FIRST_FRAME: Final = {
    ErrorCode.BAD_REQUEST: CloseCode.BAD_FIRST_FRAME,
    ErrorCode.FORBIDDEN: CloseCode.UNAUTHORIZED,
}
"""With what a connection ends whose first frame was refused."""

_NO_NAME: Final = Name("", "")
_NOBODY: Final = Author("", "")
"""Before the first frame."""

Verify = Callable[[str], Identity]
"""Says who a token is of; raises `trio_chat.access.tokens.BadToken`."""


class ChatConversation:
    """One client's chat.

    Satisfies `trio_chat.websocket.conversation.Conversation` towards the connection, and
    `trio_chat.hub.requests.Member` towards the hub.

    Args:
        connection: Where it takes place.
        inbox: The hub's.
        history_reader: Where what was before is read.
        limits: Shared by all connections.
        settings: Default room, sizes.
        metrics: Refusals are counted here.
        names: Gives the displayed form of each user.
        wall_ms: Milliseconds since 1970 UTC.
        on_entered: Called with the user's name once it is known and may come in.
        identity: Who the client has proved to be; None if it may say anything.
        verify: For a fresh token; None if no tokens are asked for.
    """

    def __init__(  # noqa: PLR0913 - all by name, each given once, by the endpoint
        self,
        connection: Connection,
        *,
        inbox: Requests,
        history_reader: HistoryReader,
        limits: Limits,
        settings: Settings,
        metrics: Metrics,
        names: Names,
        wall_ms: Callable[[], int],
        on_entered: Callable[[str], None],
        identity: Identity | None = None,
        verify: Verify | None = None,
    ) -> None:
        self.encoding = connection.encoding
        self.author = _NOBODY
        # The hub calls these for every delivery: one attribute, no detour.
        self.offer = connection.outbox.offer
        self.held_frames, self.held_bytes = most_held(settings)
        self.has_begun = False
        self._connection = connection
        self._inbox = inbox
        self._history = HistorySender(history_reader, connection.outbox, connection.address)
        self._limits = limits
        self._settings = settings
        self._metrics = metrics
        self._names = names
        self._wall_ms = wall_ms
        self._on_entered = on_entered
        self._is_proven = identity is not None
        self._verify = verify
        self._session = Session(
            settings.default_room,
            settings.max_message_chars,
            settings.max_rooms,
            identity.name if identity is not None else None,
        )
        self._name = identity.name if identity is not None else _NO_NAME
        self._user: UserAt | None = None
        self._allowance: Allowance
        self._requests = RequestQueue(connection.start_soon)
        self._rooms = OwnRooms()
        self._joining = Joining(
            connection,
            history=self._history,
            session=self._session,
            rooms=self._rooms,
            requests=self._requests,
        )

    # --- for the connection -------------------------------------------------------------------

    def take(self, text: str, now: float) -> Request | None:
        """Deal with one frame of the client; return the request that is left for the hub.

        Raises:
            Disconnect: As the first frame was faulty, or there is too much of something.
        """
        if not self.has_begun:
            self._take_first(text)
            return None
        intent: Intent | None = None
        try:
            intent = self._session.receive(text)
            command = _COMMANDS.get(type(intent))
            if command is not None or len(text) > LARGE_CHARS:
                allowance = self._allowance
                wait = allowance.messages.take(allowance.user, now)
                if wait:
                    raise rate_limited(wait)
            return command(self, intent) if command is not None else self._note(intent, now)
        except CommandError as error:
            if intent is not None:
                error.ref = getattr(intent, "ref", None)
                error.room = getattr(intent, "room", None)
            elif len(text) > LARGE_CHARS:
                error = self._allowance.charge(error, now)
            self.refuse(error)
        return None

    def take_binary(self, data: bytes) -> None:  # noqa: ARG002
        """Refuse it: the chat is text."""
        raise Disconnect(CloseCode.UNSUPPORTED_DATA)

    def heartbeat(self) -> bytes:
        """A heartbeat frame with the time, and how far each room has come."""
        heads = None
        if self.encoding.is_version_2:
            heads = self._rooms.heads()
        return text_frame(encode(messages.Heartbeat(self._wall_ms(), heads)))

    def announce(self, news: messages.TokenEnds | messages.Reconnect) -> bytes | None:
        """The frame that says so, to a client of version 2."""
        return text_frame(encode(news)) if self.encoding.is_version_2 else None

    async def leave(self, code: int) -> None:
        """Take the member out of its rooms, and tell nobody twice.

        A cancellation leaves it there, to be called again.
        """
        self._joining.stop()  # also if it has not come in yet
        user = self._user
        if user is None:
            return
        may_return = self.encoding.is_version_2 and code != CloseCode.NORMAL
        with suppress(trio.BrokenResourceError):  # there is no hub any more
            await self._inbox.send(Leave(self, may_return))
        self._user = None
        self._limits.disconnect(user, self._connection.end)
        # They know the member: together they would be garbage that only a full collection finds.
        self._joining.clear()

    # --- for the hub --------------------------------------------------------------------------

    def admit(self, admission: Admission) -> None:
        """Join a room that the hub has let the member into."""
        self._joining.admit(admission)

    def turn_away(self, join: Join, error: CommandError) -> None:
        """Stay outside a room, or in it, as before: the hub has refused the join."""
        self._joining.turn_away(join, error)

    def refuse(self, error: CommandError) -> None:
        """Count an error and answer it; end the connection if there are too many."""
        self._refuse(error, is_version_2=self.encoding.is_version_2)
        if self._allowance.is_refused_too_often(error.code, trio.current_time()):
            self._connection.end(CloseCode.TOO_MUCH)

    # --- coming in ----------------------------------------------------------------------------

    def _take_first(self, text: str) -> None:
        """Let the client in, once it has said who it is."""
        try:
            intent = self._session.receive(text)
        except CommandError as error:
            self._refuse(error, is_version_2=text.startswith("{"))
            raise Disconnect(_CODE_OF_FIRST_FRAME[error.code], error.message) from error
        assert isinstance(intent, Enter)  # noqa: S101 - a first frame means nothing else
        user = UserAt(intent.name.key, "" if self._is_proven else self._connection.address)
        if self._limits.is_full(user):
            self._connection.wait_for(partial(self._look_for_room, intent, user))
        else:
            self._enter(intent, user)

    async def _look_for_room(self, enter: Enter, user: UserAt) -> None:
        await self._limits.look_for_room(user)
        if not self._joining.is_stopped:
            self._enter(enter, user)

    def _enter(self, enter: Enter, user: UserAt) -> None:
        """Join the rooms."""
        name = enter.name
        self._limits.connect(user, self._connection.end)
        self._user = user
        self._allowance = Allowance(self._limits, user)
        self._name = name
        shown = self._names.hold(self, name)
        if enter.is_version_2:
            self._become_version_2(enter, shown)
        else:
            self.author = Author(name.key, "", self._is_proven)
        self.has_begun = True
        self._on_entered(shown)
        self._joining.enter(self, name, enter.rooms)

    def _become_version_2(self, enter: Enter, shown: str) -> None:
        self.encoding = self.encoding.in_version_2
        device = enter.device or secrets.token_urlsafe(_DEVICE_BYTES)
        digest = hashlib.sha256(device.encode()).hexdigest()[:_DIGEST_CHARS]
        self.author = Author(enter.name.key, digest, self._is_proven)
        self._send(messages.Welcome(2, shown, device, limits_of(self._settings)))

    # --- what is asked ------------------------------------------------------------------------

    def _note(self, intent: Intent, now: float) -> Request | None:
        """What costs no token of the user's, unless the frame is large."""
        if isinstance(intent, ShowTyping):
            may = self._allowance.take_typing(now)
            return ChangeTyping(self, intent.room, intent.is_typing) if may else None
        assert isinstance(intent, MarkRead)  # noqa: S101 - nothing else is left
        return ReadMarker(self, intent.room, intent.seq)

    def say(self, asked: Say) -> Request:
        """A text for a room."""
        return Publish(self, asked.room, asked.text, asked.ref)

    def change(self, asked: Change) -> Request:
        """Another text for a message, or none."""
        kind = Kind.DELETED if asked.text is None else Kind.EDITED
        return Publish(self, asked.room, asked.text or "", asked.ref, kind, asked.target)

    def join(self, asked: commands.JoinRoom) -> Request:
        """One more room, or one that the client is in already."""
        self._check_requests()
        self._session.entered(asked.room)
        since = Since(asked.since, asked.epoch)
        return self._joining.join(self, asked.room, since, asked.ref)

    def go(self, asked: commands.LeaveRoom) -> Request:
        """One room less."""
        self._session.left(asked.room)
        self._rooms.leave(asked.room)
        return LeaveRoom(self, asked.room, asked.ref)

    def read_history(self, asked: LookBack) -> None:
        """A page of a room's events."""
        self._check_requests()
        self._requests.add(partial(self._read_history, asked, self._rooms.place(asked.room)))

    async def _read_history(self, asked: LookBack, place: Admission | None) -> None:
        # It may have left meanwhile, and not yet in the hub; or have come in anew.
        place = self._rooms.place(asked.room) or place
        changes = place.changes if place is not None else Changes()
        try:
            await self._history.send_page(self, asked, changes, self._rooms.epoch(asked.room))
        except Outage as outage:
            self.refuse(refusal_for(asked, outage))

    def refresh(self, asked: commands.RefreshToken) -> None:
        """Stay for as long as a fresh token says."""
        if self._verify is None:
            raise CommandError(ErrorCode.BAD_REQUEST, "No tokens are asked for here")
        try:
            identity = self._verify(asked.token)
        except BadToken as bad:
            raise CommandError(ErrorCode.UNAUTHORIZED, "The token is no good") from bad
        if identity.name.key != self._name.key:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        self._connection.live_for(identity.ends_at - self._wall_ms() / 1000)
        if asked.ref is not None:
            self._send(messages.Ack(asked.ref))

    # --- limits -------------------------------------------------------------------------------

    def _check_requests(self) -> None:
        if self._requests.is_full:
            raise CommandError(ErrorCode.LIMIT_EXCEEDED, "Too much is under way for you already")
        if self._history.is_crowded:
            raise crowded()

    # --- answering ----------------------------------------------------------------------------

    def _refuse(self, error: CommandError, *, is_version_2: bool) -> None:
        """Count an error and answer it: a plain client knows only ``system``."""
        self._metrics.refusals.labels(reason=error.code.value).inc()
        if is_version_2:
            self._send(
                messages.ErrorAnswer(
                    error.code.value, error.message, error.retry_after_ms, error.ref, error.room
                )
            )
        else:
            self._send(messages.Notice(self._settings.default_room, error.message, self._wall_ms()))

    def _send(self, frame: ServerMessage) -> None:
        """Send a short message to this client only."""
        encoded = text_frame(encode(frame))
        self.offer([encoded], encoded)


_COMMANDS: Final[dict[type[Any], Callable[[ChatConversation, Any], Request | None]]] = {
    Say: ChatConversation.say,
    Change: ChatConversation.change,
    commands.JoinRoom: ChatConversation.join,
    commands.LeaveRoom: ChatConversation.go,
    LookBack: ChatConversation.read_history,
    commands.RefreshToken: ChatConversation.refresh,
}
"""What costs a token of the user's, and who does it."""

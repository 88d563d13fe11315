"""The chat of one client: carries out its commands, within its limits.

Before this comes `trio_chat.websocket.connection`, which calls `Chat.take` with each text. After it
comes `trio_chat.hub.hub`: the request that `take` returns becomes part of the hub's next turn. The
hub answers through the methods of `trio_chat.hub.requests.Member`.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final

import trio
from attrs import frozen

from trio_chat.access.tokens import BadToken, Identity, Verifier
from trio_chat.context import Context
from trio_chat.errors import CommandError, Disconnect, ErrorCode
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.presence import ShownNames
from trio_chat.hub.requests import Leave, Publish, Request
from trio_chat.protocol import commands, messages
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import Command
from trio_chat.protocol.decode import LARGE_CHARS
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import text_frame
from trio_chat.protocol.events import Author, Kind
from trio_chat.protocol.messages import ServerMessage
from trio_chat.protocol.session import Enter, Session
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.history import HistoryReader
from trio_chat.websocket.joining import Joining
from trio_chat.websocket.limits import (
    MAX_REFUSALS,
    REFUSALS,
    REFUSALS_SECONDS,
    Limits,
    UserAt,
    rate_limited,
)

_DEVICE_BYTES: Final = 16  # as random as a client's own device should be
_DIGEST_CHARS: Final = 32  # of a hash: the store must not know the secret of a device

_FIRST_MESSAGE_CODES: Final = {
    ErrorCode.BAD_REQUEST: CloseCode.BAD_FIRST_FRAME,
    ErrorCode.FORBIDDEN: CloseCode.UNAUTHORIZED,
}
"""The close code after a refused first message, by the code of the error."""

# Before the first message.
_NO_AUTHOR: Final = Author("", "")
_NO_USER: Final = UserAt("", "")


@frozen
class Shared:
    """The parts that all chats of a server share; without tokens it has no verifier."""

    context: Context
    inbox: Inbox
    history_reader: HistoryReader
    limits: Limits
    names: ShownNames
    verifier: Verifier | None


class Chat:
    """The chat of one client.

    Satisfies `trio_chat.websocket.echo.Conversation` towards the connection, and
    `trio_chat.hub.requests.Member` towards the hub.

    Args:
        connection: The client's connection.
        shared: The parts that all chats share.
        identity: The identity that the client's token proves; None without tokens.
        on_entered: Called with the user's name when the client enters.
    """

    def __init__(
        self,
        connection: Connection,
        shared: Shared,
        identity: Identity | None,
        on_entered: Callable[[str], None],
    ) -> None:
        settings = shared.context.settings
        self.encoding = connection.encoding
        self.author = _NO_AUTHOR
        # The hub calls this for every delivery: one attribute, no detour.
        self.offer = connection.outbox.offer
        # A quarter of the queue fits behind the history; 50 subscriptions may be pending at once.
        self.max_backlog_frames = max(1, settings.send_queue // 4)
        self.max_backlog_bytes = settings.send_queue_bytes // 16
        self.has_begun = False
        self._connection = connection
        self._shared = shared
        self._messages = shared.limits.messages
        self._settings = settings
        self._metrics = shared.context.metrics
        self._wall_ms = shared.context.wall_ms
        self._on_entered = on_entered
        self._is_proven = identity is not None
        proven = identity.name if identity is not None else None
        self._session = Session(settings, proven)
        self._user = _NO_USER
        self._refused_at: list[float] = []  # the newest refusals that count, on Trio's clock
        self._joining = Joining(connection, shared.history_reader, self._session)
        self.admit = self._joining.admit
        self.turn_away = self._joining.turn_away

    # --- for the connection -------------------------------------------------------------------

    def take(self, text: str, now: float) -> Request | None:
        """Handle one message of the client, and return the request to the hub, if any.

        Raises:
            Disconnect: The first message is invalid, or the user has too many connections.
        """
        if not self.has_begun:
            self._take_first(text)
            return None
        command: Any = None
        try:
            command = self._session.receive(text)
            kind = type(command)
            if kind not in _FREE or len(text) > LARGE_CHARS:
                wait = self._messages.take(self._user, now)
                if wait:
                    raise rate_limited(wait)
            return self._COMMANDS[kind](self, command)
        except CommandError as error:
            if command is not None:
                error.ref = getattr(command, "ref", None)
                error.room = getattr(command, "room", None)
            elif len(text) > LARGE_CHARS and (wait := self._messages.take(self._user, now)):
                ref, room = error.ref, error.room
                error = rate_limited(wait)
                error.ref, error.room = ref, room
            self.refuse(error)
        return None

    def take_binary(self, data: bytes) -> None:  # noqa: ARG002
        """Close the connection: the chat accepts text only."""
        raise Disconnect(CloseCode.UNSUPPORTED_DATA)

    def heartbeat(self) -> bytes:
        """Return a heartbeat with the time and, for version 2, the head of each room."""
        heads = self._joining.heads() if self.encoding.is_version_2 else None
        return text_frame(encode(messages.Heartbeat(self._wall_ms(), heads)))

    def announce(self, news: messages.TokenEnds | messages.Reconnect) -> bytes | None:
        """Return this message as a frame for a client of version 2; None for a plain one."""
        return text_frame(encode(news)) if self.encoding.is_version_2 else None

    async def leave(self, code: int) -> None:
        """Take the client out of its rooms. After a cancellation, it must be called again."""
        self._joining.is_stopped = True  # a client that has not entered yet must not do so now
        user = self._user
        if user is _NO_USER:
            return
        may_return = self.encoding.is_version_2 and code != CloseCode.NORMAL
        with suppress(trio.BrokenResourceError):  # the hub has ended
            await self._shared.inbox.send(Leave(self, may_return))
        self._user = _NO_USER
        self._shared.limits.disconnect(user, self._connection.end)
        # These refer to this object: only a full garbage collection could free the cycle.
        self._joining.clear()

    # --- for the hub --------------------------------------------------------------------------

    def refuse(self, error: CommandError) -> None:
        """Answer an error. After too many of them, close the connection."""
        self._answer(error, is_version_2=self.encoding.is_version_2)
        if error.code in REFUSALS and self._settings.message_rate > 0:
            refused_at, now = self._refused_at, trio.current_time()
            refused_at.append(now)
            del refused_at[:-MAX_REFUSALS]
            if len(refused_at) == MAX_REFUSALS and now - refused_at[0] <= REFUSALS_SECONDS:
                self._connection.end(CloseCode.TOO_MUCH)

    # --- the first message --------------------------------------------------------------------

    def _take_first(self, text: str) -> None:
        try:
            enter = self._session.receive(text)
        except CommandError as error:
            self._answer(error, is_version_2=text.startswith("{"))
            raise Disconnect(_FIRST_MESSAGE_CODES[error.code], error.message) from error
        assert isinstance(enter, Enter)  # noqa: S101 - the session returns nothing else first
        user = UserAt(enter.name.key, "" if self._is_proven else self._connection.address)
        if self._shared.limits.is_full(user):
            self._connection.wait_for(partial(self._recount, enter, user))
        else:
            self._enter(enter, user)

    async def _recount(self, enter: Enter, user: UserAt) -> None:
        await self._shared.limits.recount(user)
        if not self._joining.is_stopped:
            self._enter(enter, user)

    def _enter(self, enter: Enter, user: UserAt) -> None:
        self._shared.limits.connect(user, self._connection.end)
        self._user = user
        shown = self._shared.names.hold(self, enter.name)
        digest = ""
        if enter.is_version_2:
            self.encoding = self.encoding.in_version_2
            device = enter.device or secrets.token_urlsafe(_DEVICE_BYTES)
            digest = hashlib.sha256(device.encode()).hexdigest()[:_DIGEST_CHARS]
            self._send(messages.Welcome(2, shown, device, self._limits()))
        self.author = Author(enter.name.key, digest, self._is_proven)
        self.has_begun = True
        self._on_entered(shown)
        self._joining.enter(self, enter.name, enter.rooms)

    def _limits(self) -> messages.Limits:
        settings = self._settings
        return messages.Limits(
            frame_bytes=settings.max_frame_bytes,
            message_chars=settings.max_message_chars,
            rate_per_second=settings.message_rate,
            burst=settings.message_burst,
            rooms=settings.max_rooms,
            resume=settings.resume_size,
        )

    # --- the commands -------------------------------------------------------------------------

    def _say(self, command: commands.SendMessage) -> Request:
        return Publish(self, command.room, command.message, command.ref)

    def _edit(self, command: commands.EditMessage) -> Request:
        text, ref = command.message, command.ref
        return Publish(self, command.room, text, ref, Kind.EDITED, command.id)

    def _delete(self, command: commands.DeleteMessage) -> Request:
        return Publish(self, command.room, "", command.ref, Kind.DELETED, command.id)

    def _type(self, command: commands.SetTyping) -> Request | None:
        """Change the typing state; beyond the rate, do nothing."""
        if self._shared.limits.typing.take(self._user, trio.current_time()):
            return None
        command.member = self
        return command

    def _mark_read(self, command: commands.ReadMarker) -> Request:
        command.member = self
        return command

    def _join(self, command: commands.JoinRoom) -> Request:
        return self._joining.join(self, command)

    def _leave(self, command: commands.LeaveRoom) -> Request:
        self._joining.leave(command.room)
        command.member = self
        return command

    def _read_history(self, command: commands.ReadHistory) -> None:
        self._joining.read_history(self, command)

    def _refresh(self, command: commands.RefreshToken) -> None:
        verifier, now = self._shared.verifier, self._wall_ms() / 1000
        if verifier is None:
            raise CommandError(ErrorCode.BAD_REQUEST, "This server does not use tokens")
        try:
            identity = verifier.verify(command.token, now)
        except BadToken as bad:
            raise CommandError(ErrorCode.UNAUTHORIZED, "Invalid token") from bad
        if identity.name.key != self.author.user:
            raise CommandError(ErrorCode.FORBIDDEN, "The token is for another name")
        self._connection.live_for(identity.ends_at - now)
        if command.ref is not None:
            self._send(messages.Ack(command.ref))

    _COMMANDS: ClassVar[Mapping[type[Command], Callable[[Any, Any], Request | None]]] = {
        commands.SendMessage: _say,
        commands.EditMessage: _edit,
        commands.DeleteMessage: _delete,
        commands.SetTyping: _type,
        commands.ReadMarker: _mark_read,
        commands.JoinRoom: _join,
        commands.LeaveRoom: _leave,
        commands.ReadHistory: _read_history,
        commands.RefreshToken: _refresh,
    }

    # --- answers ------------------------------------------------------------------------------

    def _answer(self, error: CommandError, *, is_version_2: bool) -> None:
        """Count and answer an error; a plain client understands only ``system``."""
        if error.is_counted:
            self._metrics.refusals.labels(reason=error.code.value).inc()
        code, text = error.code.value, error.message
        answer: ServerMessage = messages.Notice(self._settings.default_room, text, self._wall_ms())
        if is_version_2:
            answer = messages.ErrorAnswer(code, text, error.retry_after_ms, error.ref, error.room)
        self._send(answer)

    def _send(self, message: ServerMessage) -> None:
        """Send a short message to this client only."""
        frame = text_frame(encode(message))
        self.offer([frame], frame)


_FREE: Final = frozenset({commands.SetTyping, commands.ReadMarker})
"""Commands that cost no token of the user's rate, unless the message is large."""

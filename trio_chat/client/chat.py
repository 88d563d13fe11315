"""The client for programs: a chat that outlives its connections."""

import itertools
import math
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from trio_chat.client.address import parse_url
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.events import Event, HistoryPage, Joined, Logged, Position, RoomView
from trio_chat.client.session import ChatSession, plain_nursery
from trio_chat.client.tokens import Token, TokenSource, TokenText
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    DeleteMessage,
    EditMessage,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    SendMessage,
)
from trio_chat.protocol.messages import Ack

# docs/reference/wire.md, "The first frame": a device is 128 random bits.
_DEVICE_BYTES: Final = 16

_REF_BYTES: Final = 9
"""Random bytes of one run, so that two runs of one device never share a ref."""


class Chat:
    """An open chat, made by `open_chat`.

    Iterating over it yields its events, each once. The events of one room arrive in the order of
    the store, and a `Gap` announces missing ones. Use one consumer: two would share the events. At
    most 1,000 events wait for it. The client discards later ones and reads them again when it has
    space, so a slow consumer misses no stored event and takes little memory. A
    `Joined` then replaces the joins, typing and read markers that it has missed.

    Any task may make the calls, also several tasks at once. For all calls that wait for an answer:

    * They wait as long as needed, also over reconnects. Bound them with `trio.fail_after`.
    * `CommandError` is a refusal by the server. For ``unavailable`` and ``rate_limited`` the client
      sends the command again instead.
    * After a cancellation, the client does not send the command again. Its outcome is unknown then;
      a repeat with the same ``ref`` is safe.
    * `trio.ClosedResourceError`: The block of `open_chat` has ended.
    """

    def __init__(self, client_protocol: ClientProtocol, session: ChatSession) -> None:
        self._protocol = client_protocol
        self._session = session

    # --- events ---------------------------------------------------------------------------------

    def __aiter__(self) -> "Chat":
        return self

    async def __anext__(self) -> Event:
        return await self.receive()

    async def receive(self) -> Event:
        """Wait for the next event. A cancelled call takes none.

        Raises:
            trio.ClosedResourceError: The block of `open_chat` has ended.
        """
        return await self._session.receive()

    @property
    def username(self) -> str:
        """The name of this user, as the server displays it."""
        return self._protocol.username

    @property
    def home(self) -> str:
        """The room for calls that name none, which is the first one or the server's default."""
        return self._protocol.home

    @property
    def rooms(self) -> Mapping[str, RoomView]:
        """The rooms of this client in their present state, by name."""
        return self._protocol.views()

    def position(self) -> Position:
        """Return the last yielded event of each room, for `resume` of `open_chat`.

        Save it after you have processed the last event. If you save it before, a crash loses that
        event; if you save it later, the event may arrive again.
        """
        return self._protocol.position()

    # --- commands -------------------------------------------------------------------------------

    async def send(self, text: str, room: str | None = None, *, ref: str | None = None) -> Logged:
        """Send a message, and wait until the server has stored it.

        Args:
            text: 1 to 4096 characters, after trimming.
            room: The room; by default `home`.
            ref: Your own id for this message, 1 to 64 visible ASCII characters. For 24 hours the
                server stores the same text with the same ref only once. That includes a later run
                of the program, if it resumes from this one's `position`.

        Raises:
            CommandError: ``bad_request`` or ``too_large`` (the text), ``not_joined`` (the room),
                ``conflict`` (another message used the ref).
            ValueError: The ref is malformed, or a command with this ref is in progress.
        """
        ref = self._protocol.new_ref() if ref is None else ref
        command = SendMessage(text, self._room(room), ref)
        return await self._store(command, ref)

    async def send_all(
        self, texts: Iterable[str], room: str | None = None, *, ref: str | None = None
    ) -> list[Logged]:
        """Send several messages in order, as fast as the server's limits allow.

        The server stores each message before the client sends the next, so they keep their order.

        Args:
            texts: The messages, each as for `send`.
            room: The room; by default `home`.
            ref: A prefix. The messages have the refs ``{ref}-0``, ``{ref}-1``, and so on. A second
                call with the same texts and ref sends only the messages that are not stored yet.

        Returns:
            The result of each message.

        Raises:
            CommandError: As `send`. The earlier messages are stored, and the later ones are not
                sent; a note of the exception names the refused one.
            ValueError: As `send`.
        """
        stored = []
        for number, text in enumerate(texts):
            try:
                own_ref = None if ref is None else f"{ref}-{number}"
                stored.append(await self.send(text, room, ref=own_ref))
            except CommandError as error:
                error.add_note(f"texts[{number}] of send_all")
                raise
        return stored

    async def edit(
        self, message: str, text: str, room: str | None = None, *, ref: str | None = None
    ) -> Logged:
        """Replace the text of one of your messages.

        Args:
            message: The id of the message.
            text: The new text.
            room: The room of the message; by default `home`.
            ref: As for `send`.

        Raises:
            CommandError: As `send`, and ``not_found`` or ``forbidden`` (the message).
            ValueError: As `send`.
        """
        ref = self._protocol.new_ref() if ref is None else ref
        command = EditMessage(message, text, self._room(room), ref)
        return await self._store(command, ref)

    async def delete(
        self, message: str, room: str | None = None, *, ref: str | None = None
    ) -> Logged:
        """Delete one of your messages.

        Args:
            message: The id of the message.
            room: The room of the message; by default `home`.
            ref: As for `send`.

        Raises:
            CommandError: As `edit`.
            ValueError: As `send`.
        """
        ref = self._protocol.new_ref() if ref is None else ref
        command = DeleteMessage(message, self._room(room), ref)
        return await self._store(command, ref)

    async def join(self, room: str) -> Joined:
        """Join another room, now and after each reconnect.

        Returns:
            The state of the room. It also arrives as the first event of the room.

        Raises:
            CommandError: ``bad_request`` (the name), ``limit_exceeded`` (too many rooms).
        """
        ref = self._protocol.new_ref()
        answer = await self._session.ask(JoinRoom(room, ref=ref), ref)
        assert isinstance(answer, Joined)  # noqa: S101 - by protocol
        return answer

    async def leave(self, room: str) -> None:
        """Leave a room. The chat still yields the events of the room that wait.

        Raises:
            CommandError: ``bad_request`` (the name).
        """
        ref = self._protocol.new_ref()
        try:
            await self._session.ask(LeaveRoom(room, ref), ref)
        except CommandError as error:
            # After a reconnect this may be a repeat.
            if error.code is not ErrorCode.NOT_JOINED:
                raise

    async def history(
        self,
        room: str | None = None,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> HistoryPage:
        """Return a page of a room's history. It yields no events.

        Args:
            room: The room; by default `home`.
            before: Read the newest events below this ``seq``. Without `before` and `after`, read
                the newest of all.
            after: Read the oldest events above this ``seq``.
            limit: Maximum events, 1 to 100.

        Raises:
            CommandError: ``bad_request`` (the bounds), ``not_joined`` (the room).
        """
        ref = self._protocol.new_ref()
        command = ReadHistory(self._room(room), before, after, limit, ref)
        answer = await self._session.ask(command, ref)
        assert isinstance(answer, HistoryPage)  # noqa: S101 - by protocol
        return answer

    def mark_read(self, seq: int, room: str | None = None) -> None:
        """Advance this user's read marker; a lower value changes nothing.

        The client sends it at most once a second, if necessary after a reconnect. The server does
        not answer.

        Args:
            seq: The last event that the user has read.
            room: The room; by default `home`.

        Raises:
            KeyError: This client is not in the room.
        """
        self._protocol.mark_read(self._room(room), seq)
        self._session.wake()

    def set_typing(self, is_typing: bool, room: str | None = None) -> None:  # noqa: FBT001 - it reads as a sentence
        """Announce that this user types, or has stopped. Without a connection this does nothing.

        Call it at each keystroke: the client sends changes only. The server ends the typing after 6
        seconds, and at the message.

        Args:
            is_typing: The user is typing.
            room: The room; by default `home`.

        Raises:
            KeyError: This client is not in the room.
        """
        self._protocol.set_typing(self._room(room), is_typing=is_typing, now=trio.current_time())
        self._session.wake()

    async def refresh_token(self, token: TokenText) -> None:
        """Send the server another token before the old one expires, and use it from then on.

        Raises:
            CommandError: ``unauthorized`` or ``forbidden``; the old token stays in use.
            ValueError: No HTTP header can carry the token.
        """
        await self._session.use_token(token)

    def _room(self, room: str | None) -> str:
        return self.home if room is None else room

    async def _store(self, command: SendMessage | EditMessage | DeleteMessage, ref: str) -> Logged:
        ack = await self._session.ask(command, ref)
        assert isinstance(ack, Ack)  # noqa: S101 - by protocol
        assert ack.id is not None  # noqa: S101 - each stored event has one
        assert ack.seq is not None  # noqa: S101 - the same
        return Logged(ack.id, ack.seq, ack.room or self._room(command.room), ack.is_repeat)


@asynccontextmanager
async def open_chat(  # noqa: PLR0913 - all but the first two by name, and seldom
    url: str,
    username: str,
    *,
    rooms: Iterable[str] = (),
    token: Token | None = None,
    ssl_context: ssl.SSLContext | None = None,
    device: str | None = None,
    resume: Position | None = None,
    enter_within: float | None = 10.0,
    from_start: bool = False,
) -> AsyncIterator[Chat]:
    """Open a chat for the length of an ``async with`` block.

    The block starts when the client has joined all rooms. Until then, the client raises a mistake
    of the program (host, certificate, path, name) at once, and retries other failures for
    `enter_within` seconds. From then on it reconnects forever: at once after a restart of the
    server, otherwise after 0.5 to 1 s, up to 15 to 30 s, or longer if the server asks for it. The
    logger ``trio_chat.client`` warns of each failure.

    At the end of the block the client sends pending commands, closes, and waits for the server's
    answer, at most 5 s. After a cancellation it cuts the connection; then the others see this user
    leave 5 s later.

    Args:
        url: The server: ``wss://chat.example.org/ws``, or its ``https`` address.
        username: The name of this user; with tokens, the name in the token.
        rooms: The rooms to join; without any, the server's default room.
        token: A token, the path of a file with one, or a function, async or not, that returns one.
            The client reads file and function before each connection, and again before a token
            expires. If that fails, it uses the previous token until the server refuses it. The
            client removes blanks and line ends around a token.
        ssl_context: Replaces the system's certificates.
        device: The secret by which the server recognizes this client; by default that of `resume`,
            or a new one.
        resume: Resume from the position of an earlier run. Without `rooms`, in all its rooms.
        enter_within: Maximum seconds until the block starts; None for no limit.
        from_start: Yield each new room from its first event: all stored events, then live ones, in
            one order and without a gap. `Joined` has no history then.

    Raises:
        ChatRefusedError: The server refuses this client, now or later; or, before the block starts,
            the URL leads to no chat. The block is cancelled, and raises this at its end.
        NotEnteredError: `enter_within` has passed; it names the last failure.
        CommandError: ``bad_request``: a name has half a character (a lone surrogate).
        TypeError: `rooms` is one name, or `token` has another type.
        ValueError: The URL or the token is malformed.
        Exception: From the function for tokens, or from reading the file, without an earlier token
            that the server accepts.
    """
    if isinstance(rooms, str):
        raise TypeError(f"rooms must be several names, such as [{rooms!r}], not one")
    position = resume or Position(secrets.token_urlsafe(_DEVICE_BYTES))
    client_protocol = ClientProtocol(
        username,
        device or position.device,
        tuple(rooms) or position.rooms,
        position.rooms,
        _ref_maker(),
        from_start=from_start,
    )
    address = parse_url(url, ssl_context)
    tokens = TokenSource(token)
    async with plain_nursery() as nursery:
        session = ChatSession(client_protocol, address, tokens, nursery)
        nursery.start_soon(session.run)
        try:
            await session.enter(math.inf if enter_within is None else enter_within)
            try:
                yield Chat(client_protocol, session)
            finally:
                await session.leave()
        finally:
            session.close()


def _ref_maker() -> Callable[[], str]:
    run = secrets.token_urlsafe(_REF_BYTES)
    numbers = itertools.count(1)
    return lambda: f"{run}-{next(numbers)}"

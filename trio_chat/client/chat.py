"""The client for programs: a chat that stays open, whatever happens to its connections."""

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
from trio_chat.client.stay import Stay, plain_nursery
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
"""Of a run: so that none ever uses the refs of another one of the same device."""


class Chat:
    """A stay in a chat, made by `open_chat`.

    Iterating over it gives its events, each once; of one room they come in the order of its store,
    and none is left out without a `Gap`. One consumer at a time: two would share the events between
    them. At most 1,000 wait for it. What goes beyond that is let go and asked for again when there
    is space, so a slow consumer misses nothing and takes no memory; only of who came, typed and
    read meanwhile it hears the outcome, as a `Joined`.

    The calls may be made from any task, and from several. What is said of errors holds for all that
    wait for an answer:

    * They wait as long as it takes, over reconnects too; bound them with `trio.fail_after`.
    * `CommandError` is the server's no. That it is out of reach (``unavailable``), or that this is
      too much at once (``rate_limited``), is no such error: the command is sent again.
    * Cancelled, a command is not sent again. Whether it has been done is unknown then, unless it is
      asked for once more with the same ``ref``.
    * `trio.ClosedResourceError`: The chat has been left.
    """

    def __init__(self, client_protocol: ClientProtocol, stay: Stay) -> None:
        self._dialogue = client_protocol
        self._stay = stay

    # --- what comes -----------------------------------------------------------------------------

    def __aiter__(self) -> "Chat":
        return self

    async def __anext__(self) -> Event:
        return await self.receive()

    async def receive(self) -> Event:
        """Wait for the next event. A cancelled call has taken none.

        Raises:
            trio.ClosedResourceError: The chat has been left.
        """
        return await self._stay.receive()

    @property
    def username(self) -> str:
        """The own name, as the server shows it."""
        return self._dialogue.username

    @property
    def home(self) -> str:
        """The room where nothing else is said, which is the first one, or the server's default."""
        return self._dialogue.home

    @property
    def rooms(self) -> Mapping[str, RoomView]:
        """The rooms this client is in, by name, as they are known at this moment."""
        return self._dialogue.views()

    def position(self) -> Position:
        """How far each room has been yielded: give it to `open_chat` to go on from there.

        Keep it when the last event has been dealt with. Kept before, a crash loses that event; kept
        after, it may come again.
        """
        return self._dialogue.position()

    # --- what goes ------------------------------------------------------------------------------

    async def send(self, text: str, room: str | None = None, *, ref: str | None = None) -> Logged:
        """Say something, and wait until it is on the store for good.

        Args:
            text: 1 to 4096 characters, after trimming.
            room: Where; by default `home`.
            ref: A name of one's own for this message, 1 to 64 visible ASCII characters. For 24
                hours the server logs the same text with the same name only once, also when another
                run of the program, with this one's `position`, sends it.

        Raises:
            CommandError: ``bad_request`` or ``too_large`` (the text), ``not_joined`` (the room),
                ``conflict`` (the ref was another message's).
            ValueError: The ref is not spelled so, or a command with this ref is under way.
        """
        ref = self._dialogue.new_ref() if ref is None else ref
        command = SendMessage(text, self._room(room), ref)
        return await self._store(command, ref)

    async def send_all(
        self, texts: Iterable[str], room: str | None = None, *, ref: str | None = None
    ) -> list[Logged]:
        """Send several messages one after the other, as fast as the server's limits allow.

        Each is stored before the next one is sent, so they keep their order whatever happens.

        Args:
            texts: The messages, each as of `send`.
            room: Where; by default `home`.
            ref: A prefix. The messages have the refs ``{ref}-0``, ``{ref}-1``, and so on: called
                again with the same texts and ref, it sends only what is not stored yet.

        Returns:
            What became of each message.

        Raises:
            CommandError: As `send`. The messages before are stored, those after are not sent; a
                note of the exception says which one it was.
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
        """Give one of one's own messages another text.

        Args:
            message: Its id.
            text: The new text.
            room: Where it is; by default `home`.
            ref: As of `send`.

        Raises:
            CommandError: As `send`, and ``not_found`` or ``forbidden`` (the message).
            ValueError: As `send`.
        """
        ref = self._dialogue.new_ref() if ref is None else ref
        command = EditMessage(message, text, self._room(room), ref)
        return await self._store(command, ref)

    async def delete(
        self, message: str, room: str | None = None, *, ref: str | None = None
    ) -> Logged:
        """Take one of one's own messages back.

        Args:
            message: Its id.
            room: Where it is; by default `home`.
            ref: As of `send`.

        Raises:
            CommandError: As `edit`.
            ValueError: As `send`.
        """
        ref = self._dialogue.new_ref() if ref is None else ref
        command = DeleteMessage(message, self._room(room), ref)
        return await self._store(command, ref)

    async def join(self, room: str) -> Joined:
        """Be in one more room, from now on and after each reconnect.

        Returns:
            The room; the same comes as an event, before any other of it.

        Raises:
            CommandError: ``bad_request`` (the name), ``limit_exceeded`` (there are too many).
        """
        ref = self._dialogue.new_ref()
        answer = await self._stay.ask(JoinRoom(room, ref=ref), ref)
        assert isinstance(answer, Joined)  # noqa: S101 - the dialogue sees to it
        return answer

    async def leave(self, room: str) -> None:
        """Be in one room less. What waits to be yielded from it still is.

        Raises:
            CommandError: ``bad_request`` (the name).
        """
        ref = self._dialogue.new_ref()
        try:
            await self._stay.ask(LeaveRoom(room, ref), ref)
        except CommandError as error:
            # It may be the second time, behind a reconnect.
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
        """Read a room's past. Nothing of it comes as an event.

        Args:
            room: Which; by default `home`.
            before: The newest below this ``seq``; without this and `after`, the newest of all.
            after: The oldest above this ``seq``.
            limit: The most events, 1 to 100.

        Raises:
            CommandError: ``bad_request`` (the bounds), ``not_joined`` (the room).
        """
        ref = self._dialogue.new_ref()
        command = ReadHistory(self._room(room), before, after, limit, ref)
        answer = await self._stay.ask(command, ref)
        assert isinstance(answer, HistoryPage)  # noqa: S101 - the dialogue sees to it
        return answer

    def mark_read(self, seq: int, room: str | None = None) -> None:
        """Say that this user has read up to here; lower than before changes nothing.

        It goes out at most once a second, after a reconnect if need be, and is not answered.

        Args:
            seq: Of the last event that has been read.
            room: Where; by default `home`.

        Raises:
            KeyError: This client is not in the room.
        """
        self._dialogue.mark_read(self._room(room), seq)
        self._stay.wake()

    def set_typing(self, is_typing: bool, room: str | None = None) -> None:  # noqa: FBT001 - it reads as a sentence
        """Say that this user types, or has stopped. Without a connection it is let go.

        Call it at each keystroke: what the server knows is not told again. It forgets a typist
        after 6 seconds, and at the message.

        Args:
            is_typing: Which of the two.
            room: Where; by default `home`.

        Raises:
            KeyError: This client is not in the room.
        """
        self._dialogue.set_typing(self._room(room), is_typing=is_typing, now=trio.current_time())
        self._stay.wake()

    async def refresh_token(self, token: TokenText) -> None:
        """Give the server another token before the old one ends, and use it from then on.

        Raises:
            CommandError: ``unauthorized`` or ``forbidden``; the old one stands.
            ValueError: No HTTP header can carry it.
        """
        await self._stay.use_token(token)

    def _room(self, room: str | None) -> str:
        return self.home if room is None else room

    async def _store(self, command: SendMessage | EditMessage | DeleteMessage, ref: str) -> Logged:
        ack = await self._stay.ask(command, ref)
        assert isinstance(ack, Ack)  # noqa: S101 - the dialogue sees to it
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
    """Come into a chat and stay there, for as long as an ``async with`` block runs.

    The block is entered when all rooms are joined. Until then a mistake of the program's (the host,
    the certificate, the path, the name) is raised at once, and what may pass is tried again for
    `enter_within` seconds. From then on the client reconnects by itself, for ever: at once after a
    restart of the server, else after 0.5 to 1 s, up to 15 to 30 s, longer where the server asks for
    it. Each failure is a warning of the logger ``trio_chat.client``.

    Leaving it sends what is under way, says good-bye and waits for the answer, 5 s at most. A
    cancellation breaks the connection off; the others see this user leave 5 s later then.

    Args:
        url: Where the server is: ``wss://chat.example.org/ws``, or its ``https`` address.
        username: Who; where tokens are asked for, the name that is in the token.
        rooms: Where to be; without any, the server's default room.
        token: A token; or the path of a file that has one, or a function, async or not, that
            returns one. File and function are read before each try to connect, and again in time
            before a token ends. If they fail, the token before is used until the server refuses it.
            Blanks and line ends around a token are removed.
        ssl_context: Says whom to trust, in place of the system's certificates.
        device: The secret by which the server knows this client again; by default that of `resume`,
            or a new one.
        resume: Go on from where an earlier run was. Without `rooms`, in all the rooms it has.
        enter_within: The most seconds that it may take to come in; None for any time.
        from_start: Yield each room that is new to this client from its first event on: first all
            that is stored, then what comes, in one order and without a gap between them. `Joined`
            has no history then.

    Raises:
        ChatRefusedError: The server does not let this client in, or not any more; or, before the
            first entry, there is no chat at this URL. What is in the block is cancelled then, and
            this is raised where the block ends.
        NotEnteredError: `enter_within` is over; it says why the last try failed.
        CommandError: ``bad_request``: a name has half a character (a lone surrogate).
        TypeError: `rooms` is one name, or `token` is nothing of these.
        ValueError: The URL cannot be that of a chat, or the token cannot be one.
        Exception: What the function for tokens raises, or reading the file, where there is no
            earlier token that the server takes.
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
        stay = Stay(client_protocol, address, tokens, nursery)
        nursery.start_soon(stay.run)
        try:
            await stay.enter(math.inf if enter_within is None else enter_within)
            try:
                yield Chat(client_protocol, stay)
            finally:
                await stay.leave()
        finally:
            stay.close()


def _ref_maker() -> Callable[[], str]:
    run = secrets.token_urlsafe(_REF_BYTES)
    numbers = itertools.count(1)
    return lambda: f"{run}-{next(numbers)}"

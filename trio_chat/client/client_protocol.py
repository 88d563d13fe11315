"""The protocol of a client over all its connections. Pure.

The rule of this file: no event loop, no socket, no clock. Messages and times come in; messages to
send and events for the program come out. The inbox receives the events of a room once, in order and
without a gap. The client drops an event that does not follow the last one, and reads it again.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from trio_chat.client.errors import WireError
from trio_chat.client.events import (
    Connected,
    Disconnected,
    Event,
    HistoryPage,
    LoggedEvent,
    Position,
    PresenceChanged,
    Problem,
    Read,
    RoomView,
    Seen,
    TokenEnds,
    Typing,
)
from trio_chat.client.inbox import Inbox
from trio_chat.client.own import OwnName
from trio_chat.client.requests import Request, Requests
from trio_chat.client.room import Room
from trio_chat.client.wire import HistoryMessage, JoinedMessage, ServerMessage, parse, write
from trio_chat.errors import ErrorCode
from trio_chat.protocol import messages
from trio_chat.protocol.commands import (
    Command,
    Hello,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    SendMessage,
)
from trio_chat.protocol.messages import Ack, ErrorAnswer, Heartbeat, Reconnect, Welcome
from trio_chat.protocol.names import LABEL_SPELLING, is_label

PAGE_EVENTS: Final = 100
"""Events in a page: the server's maximum."""


class ClientProtocol:
    """The state of one client.

    Args:
        username: The name to join with.
        device: The client's secret.
        rooms: The rooms to join; empty for the server's default room.
        seen: The last received event of each room.
        new_ref: Returns a ref that is unique for this device for a day.
        from_start: Yield a new room from its first event.

    Raises:
        CommandError: ``bad_request``: one of the names has half a character.

    Attributes:
        username: The name, as the server displays it after the first connection.
        home: The room of calls that name none; empty until known.
        is_ready: The client is connected and has joined all rooms.
        is_restarting: The server announced a restart on this connection.
        is_leaving: The program leaves: send everything that waits.
    """

    def __init__(  # noqa: PLR0913 - given once, by `open_chat`
        self,
        username: str,
        device: str,
        rooms: Iterable[str],
        seen: Mapping[str, Seen],
        new_ref: Callable[[], str],
        *,
        from_start: bool = False,
    ) -> None:
        self.username: str = username
        self._asked_name = username
        self._own = OwnName(username)
        self._device = device
        self._new_room = partial(Room, from_start=from_start)
        self._rooms = {name: self._new_room(name, seen.get(name)) for name in rooms}
        self.home: str = next(iter(self._rooms), "")
        self.is_ready: bool = False
        self.is_restarting: bool = False
        self.is_leaving: bool = False
        self._token_seconds: float | None = None
        self._new_ref = new_ref
        self._requests = Requests()
        self._joining: dict[str, str] = {}
        self._awaited: set[str] = set()
        self._rejoin_at: dict[str, float] = {}
        self._hello: str | None = None
        self._first_message = ""
        self._inbox = Inbox(seen)
        self._has_page = False
        # An invalid name raises here, and not in the task that connects.
        write(self._new_hello())

    # --- connections ----------------------------------------------------------------------------

    def connected(self) -> None:
        """Begin a connection: send the hello, and then all pending commands again."""
        hello = self._new_hello()
        self._hello = self._first_message = write(hello)
        self._awaited = set(hello.rooms) if self.home else {""}
        self._rejoin_at.clear()
        self._has_page = False
        self._requests.reconnect()

    def _new_hello(self) -> Hello:
        rooms = {
            name: room.since()
            for name, room in self._rooms.items()
            # The server may refuse a new room. Then only the call of `join` must fail.
            if room.seen is not None or name not in self._joining.values()
        }
        return Hello(2, self._asked_name, self._device, rooms)

    def disconnected(self, state: Disconnected) -> None:
        """End the connection."""
        self._hello = None
        self.is_ready = self.is_restarting = False
        self._token_seconds = None
        self._inbox.put_state(state)

    def close(self) -> None:
        """End for good: wake all waiting calls without an answer."""
        self._requests.close()

    # --- messages of the server -----------------------------------------------------------------

    def receive(self, text: str, now: float) -> None:
        """Process a message.

        Raises:
            WireError: No version 2 server sends such a message; the connection is useless.
        """
        if text == self._first_message:
            raise WireError("The URL is that of an echo server, not of a chat", is_mistake=True)
        message = parse(text)
        if message is not None:
            self._receive(self._own.mark(message), now)

    def _receive(self, message: ServerMessage, now: float) -> None:
        match message:
            case Ack():
                self._requests.answer(message.ref, message)
            case Typing() | PresenceChanged() | Read():
                self._note(message)
            case JoinedMessage():
                self._joined(message)
            case HistoryMessage():
                self._requests.answer(message.ref, message.page())
            case Heartbeat():
                self._compare(message.heads or {})
            case ErrorAnswer():
                self._failed(message, now)
            case Welcome():
                self.username = message.username
                self._own.learn(message.username)
                self._requests.apply_limits(message.limits, now)
                self._become_ready()
            case messages.TokenEnds():
                self._token_seconds = message.expires_in_ms / 1000
            case Reconnect():
                self.is_restarting = True
            case _:
                self._live(message)

    def _joined(self, message: JoinedMessage) -> None:
        if not self.home:
            self.home = message.room
            self._rooms[message.room] = self._new_room(message.room)
            self._awaited.discard("")
        room = self._rooms.get(message.room)
        if room is None:
            # The default room, after a hello without rooms; or a room left meanwhile.
            self._requests.release(message.ref)
            self._ask_own(LeaveRoom(message.room, self._new_ref()))
            return
        self._awaited.discard(message.room)
        self._rejoin_at.pop(message.room, None)
        room.begin(message)
        self._inbox.put_joined(room)
        if not room.owes_joined:
            self._inbox.feed(room, message.history)
        if (ref := message.ref) is not None:
            self._joining.pop(ref, None)
            self._requests.answer(ref, room.answer(message))
        self._become_ready()

    def _become_ready(self) -> None:
        if not self._awaited and not self.is_ready:
            self.is_ready = True
            self._inbox.put_state(Connected(self.username))

    def _live(self, event: LoggedEvent) -> None:
        room = self._rooms.get(event.room)
        if room is None or room.seen is None or event.seq <= room.seen.seq:
            return
        room.head = max(room.head, event.seq)
        room.is_behind = room.is_behind or room.owes_joined or event.seq > room.seen.seq + 1
        if not room.is_behind:
            self._inbox.feed(room, (event,))

    def _note(self, message: Typing | PresenceChanged | Read) -> None:
        room = self._rooms.get(message.room)
        if room is None or room.seen is None:
            return
        match message:
            case PresenceChanged():
                room.note_presence(message)
            case Read():
                room.note_read(message)
                if message.is_own:
                    room.read = max(room.read, message.seq)
                    room.read_sent = max(room.read_sent, message.seq)
        if room.owes_joined or not self._inbox.note(message):
            room.owes_joined = True  # One `Joined` reports it later.

    def _compare(self, heads: Mapping[str, int]) -> None:
        """Find events that are missing before this heartbeat."""
        for name, head in heads.items():
            room = self._rooms.get(name)
            if room is not None and room.seen is not None and head > room.seen.seq:
                room.head = max(room.head, head)
                room.is_behind = True

    def _failed(self, error: ErrorAnswer, now: float) -> None:
        if self._requests.fail(error, now):
            return
        self._inbox.note(Problem(error.code, error.message, error.room))
        if error.room is not None and error.room in self._awaited:
            # The other rooms do not wait for it. After damage, the next connection retries.
            self._awaited.discard(error.room)
            wait_ms = 1000 if error.retry_after_ms is None else error.retry_after_ms
            if error.code != ErrorCode.INTERNAL:
                self._rejoin_at[error.room] = now + wait_ms / 1000
            self._become_ready()

    # --- calls of the program -------------------------------------------------------------------

    def ask(self, command: Command, ref: str, on_done: Callable[[Request], None]) -> Request:
        """Send a command, and repeat it until the server answers.

        Args:
            command: The command, with its ref.
            ref: The ref.
            on_done: Called once, with the outcome or when none can arrive.

        Raises:
            CommandError: ``bad_request``: the text has half a character.
            ValueError: The ref is malformed, or a command with this ref is in progress.
        """
        if not is_label(ref):
            # The server could not name the refused command.
            raise ValueError(f"a ref must be {LABEL_SPELLING}")
        text = write(command)
        request = self._requests.add(ref, text, on_done)
        match command:
            case JoinRoom():
                self._rooms.setdefault(command.room, self._new_room(command.room))
                self._joining[ref] = command.room
            case LeaveRoom():
                self._rooms.pop(command.room, None)
            case SendMessage(room=str(name)) if name in self._rooms:
                self._rooms[name].forget_typing()  # a message ends it
        return request

    def new_ref(self) -> str:
        """Return a new ref."""
        return self._new_ref()

    def forget(self, request: Request) -> None:
        """Drop a command whose caller was cancelled."""
        self._requests.forget(request)
        room = self._rooms.get(self._joining.pop(request.ref, ""))
        if room is not None and room.seen is None:
            del self._rooms[room.name]

    def mark_read(self, room: str, seq: int) -> None:
        """Advance the user's read marker of a room.

        Raises:
            KeyError: This client is not in the room.
        """
        self._rooms[room].mark_read(seq)

    def set_typing(self, room: str, *, is_typing: bool, now: float) -> None:
        """Set whether the user types, if the client is connected.

        Raises:
            KeyError: This client is not in the room.
        """
        known = self._rooms[room]
        if self.is_ready:
            known.set_typing(is_typing=is_typing, now=now)

    # --- messages to the server -----------------------------------------------------------------

    def outgoing(self, now: float) -> list[str]:
        """Return the messages to send now, in order. Each counts as sent on this connection."""
        messages: list[str] = []
        if self._hello is not None:
            messages.append(self._hello)
            self._hello = None
        if not self.is_ready:
            return messages
        for room in self._rooms.values():
            messages.extend(room.outgoing(now, is_last=self.is_leaving))
        for name in [name for name, at in self._rejoin_at.items() if now >= at]:
            del self._rejoin_at[name]
            if (again := self._rooms.get(name)) is not None:
                since = again.since()
                self._ask_own(JoinRoom(name, since.since, since.epoch, self._new_ref()))
        self._catch_up()
        messages.extend(self._requests.sendable(now))
        return messages

    def due(self) -> float:
        """Return the time of the next message to send, or infinity."""
        if not self.is_ready:
            return float("inf")
        rooms = (room.due() for room in self._rooms.values())
        return min(self._requests.due(), *self._rejoin_at.values(), *rooms, float("inf"))

    def _ask_own(self, command: JoinRoom | LeaveRoom | ReadHistory) -> None:
        """Send a command of the client itself, which ends with the connection."""
        assert command.ref is not None  # noqa: S101 - the caller set it
        on_done = (lambda _: None) if isinstance(command, LeaveRoom) else self._own_done
        self._requests.add(command.ref, write(command), on_done, is_own=True)

    def _own_done(self, request: Request) -> None:
        if isinstance(request.answer, HistoryPage):
            self._take_page(request.answer)
        elif request.error is not None:
            # Only a new connection can help.
            raise WireError(f"The server refuses to go on: {request.error.message}")

    def _catch_up(self) -> None:
        """Ask for a page of dropped events, if the inbox has space for one."""
        if self._has_page or self._inbox.space() < PAGE_EVENTS:
            return
        for room in self._rooms.values():
            if room.is_behind and not room.owes_joined and room.seen is not None:
                ref = self._new_ref()
                self._has_page = True
                self._ask_own(ReadHistory(room.name, None, room.seen.seq, PAGE_EVENTS, ref))
                return

    def _take_page(self, page: HistoryPage) -> None:
        self._has_page = False
        room = self._rooms.get(page.room)
        if room is None or room.seen is None:
            return
        # A store that forgets begins with its oldest event.
        oldest = page.events[0].seq if page.events else room.head + 1
        if oldest > room.seen.seq + 1:
            self._inbox.skip(room, oldest)
        self._inbox.feed(room, page.events)

    # --- events for the program -----------------------------------------------------------------

    def has_events(self) -> bool:
        """Return whether an event waits."""
        return len(self._inbox) > 0

    def take(self) -> Event:
        """Return the next event, which counts as yielded."""
        return self._inbox.take(self._rooms.values())

    def is_behind(self) -> bool:
        """Return whether a room lacks events that the client can read now."""
        return any(room.is_behind for room in self._rooms.values())

    def take_token_warning(self) -> float | None:
        """Return the token's remaining seconds, once after each warning of the server."""
        seconds, self._token_seconds = self._token_seconds, None
        return seconds

    def report(self, event: TokenEnds) -> None:
        """Yield an event to the program."""
        self._inbox.note(event)

    def position(self) -> Position:
        """Return the last yielded event of each room."""
        yielded = self._inbox.yielded
        return Position(
            self._device, {name: yielded[name] for name in self._rooms if name in yielded}
        )

    def views(self) -> dict[str, RoomView]:
        """Return the rooms of this client."""
        return {name: room.view() for name, room in self._rooms.items() if room.seen is not None}

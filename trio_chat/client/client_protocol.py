"""What is said between a client and the server, over all the connections that it takes.

The law of this file: no event loop, no socket, no clock. Frames and times come in; frames to send
and events for the user come out. Of each room's events none is put in line twice, out of order, or
behind one that is missing; what does not follow on the last one is let go, and asked for again.
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
from trio_chat.client.wire import Frame, HistoryFrame, JoinedFrame, parse, write
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
"""As many are asked for at once, which is the most that the server gives."""


class ClientProtocol:
    """One client's stay in the chat.

    Args:
        username: The name to come in under.
        device: The client's secret.
        rooms: Where it wants to be; empty for the server's default room.
        seen: Up to where it knows them.
        new_ref: Makes names for commands that are unique for this device, for a day.
        from_start: Whether a room that is new to it is yielded from its first event on.

    Raises:
        CommandError: ``bad_request``: one of the names has half a character.

    Attributes:
        username: The name, as the server shows it once there has been a connection.
        home: The room that is meant where none is named; empty until it is known.
        is_ready: Whether there is a connection on which all rooms are joined.
        is_restarting: Whether the server has said that it will close the connection, and be back.
        is_leaving: Whether the user goes: then nothing waits for its time any more.
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
        self._again_at: dict[str, float] = {}
        self._hello: str | None = None
        self._first_frame = ""
        self._inbox = Inbox(seen)
        self._has_page = False
        # What cannot be said at all is found here, and not by the task that connects.
        write(self._new_hello())

    # --- a connection comes and goes ------------------------------------------------------------

    def connected(self) -> None:
        """There is a WebSocket: what has been under way is sent again, behind the hello."""
        hello = self._new_hello()
        self._hello = self._first_frame = write(hello)
        self._awaited = set(hello.rooms) if self.home else {""}
        self._again_at.clear()
        self._has_page = False
        self._requests.reconnect()

    def _new_hello(self) -> Hello:
        rooms = {
            name: room.since()
            for name, room in self._rooms.items()
            # One that was never joined may be refused, and then only the call that asks for it.
            if room.seen is not None or name not in self._joining.values()
        }
        return Hello(2, self._asked_name, self._device, rooms)

    def disconnected(self, state: Disconnected) -> None:
        """There is none any more."""
        self._hello = None
        self.is_ready = self.is_restarting = False
        self._token_seconds = None
        self._inbox.say_state(state)

    def close(self) -> None:
        """There will be none any more: whoever waits is woken without an answer."""
        self._requests.close()

    # --- what the server says -------------------------------------------------------------------

    def receive(self, text: str, now: float) -> None:
        """Take a frame.

        Raises:
            WireError: It is none that a version 2 server sends; the connection is of no use.
        """
        if text == self._first_frame:
            raise WireError("The URL is that of an echo server, not of a chat", is_mistake=True)
        frame = parse(text)
        if frame is not None:
            self._receive(self._own.mark(frame), now)

    def _receive(self, frame: Frame, now: float) -> None:
        match frame:
            case Ack():
                self._requests.answer(frame.ref, frame)
            case Typing() | PresenceChanged() | Read():
                self._note(frame)
            case JoinedFrame():
                self._joined(frame)
            case HistoryFrame():
                self._requests.answer(frame.ref, frame.page())
            case Heartbeat():
                self._compare(frame.heads or {})
            case ErrorAnswer():
                self._failed(frame, now)
            case Welcome():
                self.username = frame.username
                self._own.learn(frame.username)
                self._requests.heed(frame.limits, now)
                self._become_ready()
            case messages.TokenEnds():
                self._token_seconds = frame.expires_in_ms / 1000
            case Reconnect():
                self.is_restarting = True
            case _:
                self._live(frame)

    def _joined(self, frame: JoinedFrame) -> None:
        if not self.home:
            self.home = frame.room
            self._rooms[frame.room] = self._new_room(frame.room)
            self._awaited.discard("")
        room = self._rooms.get(frame.room)
        if room is None:
            # The default room, as none was asked for; or one that has been left meanwhile.
            self._requests.let_go(frame.ref)
            self._ask_own(LeaveRoom(frame.room, self._new_ref()))
            return
        self._awaited.discard(frame.room)
        self._again_at.pop(frame.room, None)
        room.begin(frame)
        self._inbox.say_news(room)
        if not room.has_news:
            self._inbox.feed(room, frame.history)
        if (ref := frame.ref) is not None:
            self._joining.pop(ref, None)
            self._requests.answer(ref, room.answer(frame))
        self._become_ready()

    def _become_ready(self) -> None:
        if not self._awaited and not self.is_ready:
            self.is_ready = True
            self._inbox.say_state(Connected(self.username))

    def _live(self, event: LoggedEvent) -> None:
        room = self._rooms.get(event.room)
        if room is None or room.seen is None or event.seq <= room.seen.seq:
            return
        room.head = max(room.head, event.seq)
        room.is_behind = room.is_behind or room.has_news or event.seq > room.seen.seq + 1
        if not room.is_behind:
            self._inbox.feed(room, (event,))

    def _note(self, frame: Typing | PresenceChanged | Read) -> None:
        room = self._rooms.get(frame.room)
        if room is None or room.seen is None:
            return
        match frame:
            case PresenceChanged():
                room.note_presence(frame)
            case Read():
                room.note_read(frame)
                if frame.is_own:
                    room.read = max(room.read, frame.seq)
                    room.read_told = max(room.read_told, frame.seq)
        if room.has_news or not self._inbox.note(frame):
            room.has_news = True  # All of it is said at once, later.

    def _compare(self, heads: Mapping[str, int]) -> None:
        """Look for events that ought to have come before this heartbeat."""
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
            # Not all rooms wait for it. If only the operator can help, the next connection asks.
            self._awaited.discard(error.room)
            wait_ms = 1000 if error.retry_after_ms is None else error.retry_after_ms
            if error.code != ErrorCode.INTERNAL:
                self._again_at[error.room] = now + wait_ms / 1000
            self._become_ready()

    # --- what the user says ---------------------------------------------------------------------

    def ask(self, command: Command, ref: str, on_done: Callable[[Request], None]) -> Request:
        """Send a command, and again until it is answered.

        Args:
            command: Has the ref in it.
            ref: Its name.
            on_done: Called once, when there is an outcome, or never will be.

        Raises:
            CommandError: ``bad_request``: the text has half a character.
            ValueError: The ref is none, or a command with this ref is under way.
        """
        if not is_label(ref):
            # The server could not say which command it refuses.
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
                self._rooms[name].forget_typing()  # A message ends it.
        return request

    def new_ref(self) -> str:
        """A name for a command."""
        return self._new_ref()

    def forget(self, request: Request) -> None:
        """Nobody waits for it any more."""
        self._requests.forget(request)
        room = self._rooms.get(self._joining.pop(request.ref, ""))
        if room is not None and room.seen is None:
            del self._rooms[room.name]

    def mark_read(self, room: str, seq: int) -> None:
        """Say that the user has read a room up to here, as soon as there is a connection.

        Raises:
            KeyError: This client is not in the room.
        """
        self._rooms[room].mark_read(seq)

    def set_typing(self, room: str, *, is_typing: bool, now: float) -> None:
        """Say whether the user types, if there is a connection and the server does not know it.

        Raises:
            KeyError: This client is not in the room.
        """
        known = self._rooms[room]
        if self.is_ready:
            known.set_typing(is_typing=is_typing, now=now)

    # --- what goes out --------------------------------------------------------------------------

    def outgoing(self, now: float) -> list[str]:
        """The frames to be sent now, in order. Each counts as sent on this connection."""
        frames: list[str] = []
        if self._hello is not None:
            frames.append(self._hello)
            self._hello = None
        if not self.is_ready:
            return frames
        for room in self._rooms.values():
            frames.extend(room.outgoing(now, is_last=self.is_leaving))
        for name in [name for name, at in self._again_at.items() if now >= at]:
            del self._again_at[name]
            if (again := self._rooms.get(name)) is not None:
                since = again.since()
                self._ask_own(JoinRoom(name, since.since, since.epoch, self._new_ref()))
        self._catch_up()
        frames.extend(self._requests.sendable(now))
        return frames

    def due(self) -> float:
        """When there will be something to send if nothing happens: the time, or infinity."""
        if not self.is_ready:
            return float("inf")
        rooms = (room.due() for room in self._rooms.values())
        return min(self._requests.due(), *self._again_at.values(), *rooms, float("inf"))

    def _ask_own(self, command: JoinRoom | LeaveRoom | ReadHistory) -> None:
        """Ask for what only this connection is about."""
        assert command.ref is not None  # noqa: S101 - it was given one just now
        on_done = (lambda _: None) if isinstance(command, LeaveRoom) else self._own_done
        self._requests.add(command.ref, write(command), on_done, is_own=True)

    def _own_done(self, request: Request) -> None:
        if isinstance(request.answer, HistoryPage):
            self._take_page(request.answer)
        elif request.error is not None:
            # Nothing else is left to try than to begin anew.
            raise WireError(f"The server refuses to go on: {request.error.message}")

    def _catch_up(self) -> None:
        """Ask for a page of what has been let go, if there is space for one."""
        if self._has_page or self._inbox.space() < PAGE_EVENTS:
            return
        for room in self._rooms.values():
            if room.is_behind and not room.has_news and room.seen is not None:
                ref = self._new_ref()
                self._has_page = True
                self._ask_own(ReadHistory(room.name, None, room.seen.seq, PAGE_EVENTS, ref))
                return

    def _take_page(self, page: HistoryPage) -> None:
        self._has_page = False
        room = self._rooms.get(page.room)
        if room is None or room.seen is None:
            return
        # A log that forgets begins with the oldest that it has.
        oldest = page.events[0].seq if page.events else room.head + 1
        if oldest > room.seen.seq + 1:
            self._inbox.skip(room, oldest)
        self._inbox.feed(room, page.events)

    # --- what the user hears --------------------------------------------------------------------

    def has_events(self) -> bool:
        """Whether one waits."""
        return len(self._inbox) > 0

    def take(self) -> Event:
        """The next event, which counts as yielded."""
        return self._inbox.take(self._rooms.values())

    def has_lag(self) -> bool:
        """Whether there is more to ask the server for, once there is space for it."""
        return any(room.is_behind for room in self._rooms.values())

    def take_token_warning(self) -> float | None:
        """How long the token is good for, if the server has just warned of its end; once."""
        seconds, self._token_seconds = self._token_seconds, None
        return seconds

    def say(self, event: TokenEnds) -> None:
        """Tell the user."""
        self._inbox.note(event)

    def position(self) -> Position:
        """Up to where each room has been yielded."""
        yielded = self._inbox.yielded
        return Position(
            self._device, {name: yielded[name] for name in self._rooms if name in yielded}
        )

    def views(self) -> dict[str, RoomView]:
        """The rooms this client is in."""
        return {name: room.view() for name, room in self._rooms.items() if room.seen is not None}

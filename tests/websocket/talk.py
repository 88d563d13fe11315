"""A chat whose client, hub and tasks are played by the test."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from attrs import define, field
from websockets.frames import Frame

from tests.websocket.wire import FrameReader, Inflate, texts, upgrade
from trio_chat.access.names import prepare_name
from trio_chat.access.tokens import Identity, Verifier
from trio_chat.context import Context
from trio_chat.errors import DamagedData, Outage
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.presence import ShownNames
from trio_chat.hub.requests import Join, Request
from trio_chat.hub.subscription import Gap
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.events import Author, Draft
from trio_chat.protocol.names import Name
from trio_chat.settings import Settings
from trio_chat.store.base import Page
from trio_chat.store.changes import Changes
from trio_chat.store.memory import MemoryStore
from trio_chat.store.recent import RecentPages
from trio_chat.websocket.chat import Chat, Shared
from trio_chat.websocket.connection import ABNORMAL, Connection
from trio_chat.websocket.history import HistoryReader
from trio_chat.websocket.joining import Job
from trio_chat.websocket.limits import Limits
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import SocketTransport

ADDRESS = "192.0.2.7"
WALL_MS = 1_700_000_000_000


def hello(**fields: object) -> str:
    return json.dumps({"type": "hello", "v": 2, "username": "ann", **fields})


def command(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


BOB = Author("bob", "d")


def drafts(*texts: object, prefix: str = "id") -> list[Draft]:
    """Return messages of Bob to the default room."""
    return [
        Draft(f"{prefix}{n}", "general", "bob", str(text), WALL_MS, author=BOB)
        for n, text in enumerate(texts)
    ]


async def filled(count: int) -> MemoryStore:
    """Return a store with this many messages in the default room."""
    store = MemoryStore(lambda: "e1")
    await store.append(drafts(*range(count)))
    return store


def seqs(sent: Sequence[Mapping[str, Any]]) -> list[int]:
    return [message["seq"] for message in sent if "seq" in message]


async def read_all(talk: "Talk") -> list[dict[str, Any]]:
    """Return everything that arrives until the queue is empty."""
    sent: list[dict[str, Any]] = []
    while True:
        await trio.testing.wait_all_tasks_blocked(0.01)
        some = talk.sent()
        if not some and not talk.connection.outbox.waiting_frames:
            return sent
        sent += some


class LostStore(MemoryStore):
    """A store that is unavailable."""

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        raise Outage(f"no {room} {before} {limit}")


async def damaged(room: str, after: int, limit: int) -> Page:
    raise DamagedData(f"{room} {after} {limit}")


if TYPE_CHECKING:
    _Fake = Any
else:
    _Fake = object


@define
class Pending(_Fake):  # type: ignore[misc]  # stands for a `Subscription`
    """A subscription with a history of its own."""

    join: Join
    cut: int = 0
    epoch: str = "e1"
    members: tuple[Name, ...] = ()
    count: int = 0
    sent: int | None = None
    changes: Changes = field(factory=Changes)
    activated: list[Sequence[bytes]] = field(factory=list)
    is_discarded: bool = False
    is_pending: bool = True
    is_over: bool = False
    gaps: list[Gap] = field(factory=list)
    read: Mapping[str, int] = field(factory=dict)

    def show_read(self, read: Mapping[str, int]) -> None:
        self.read = read

    def activate(self, frames: Sequence[bytes]) -> Gap | None:
        if self.is_over:
            return None
        self.activated.append(frames)
        self.join.member.offer(frames, b"".join(frames))
        return self.gaps.pop(0) if self.gaps else None

    def discard(self) -> None:
        self.is_discarded = True


@define(eq=False)
class Talk:
    """One chat. Its connection does not run: `jobs` and `waited_for` have the tasks started."""

    conversation: Chat
    connection: Connection
    peer: socket.socket
    requests: trio.MemoryReceiveChannel[Request]
    metrics: Metrics
    jobs: list[Job]
    waited_for: list[Job]
    reader: FrameReader = field(factory=FrameReader)

    async def say(self, *messages: str) -> None:
        for message in messages:
            request = self.conversation.take(message, trio.current_time())
            if request is not None:
                self.connection.ask(request)
            await self.wait_for_all()

    def take_request(self) -> Request:
        return self.requests.receive_nowait()

    def take_join(self) -> Join:
        join = self.take_request()
        assert isinstance(join, Join)
        return join

    def requests_left(self) -> int:
        return self.requests.statistics().current_buffer_used

    def sent(self) -> list[dict[str, Any]]:
        """Return the messages that the client has received since the last call."""
        return [json.loads(text) for text in texts(self.frames())]

    def frames(self) -> list[Frame]:
        try:
            return self.reader.feed(self.peer.recv(1 << 20))
        except BlockingIOError:
            return []

    async def enter(
        self, first: str = "ann", *, cut: int = 0, members: Sequence[str] = ()
    ) -> Pending:
        """Send a first message with one room, and admit the client."""
        await self.say(first)
        return await self.be_admitted(cut=cut, members=members)

    async def be_admitted(self, *, cut: int = 0, members: Sequence[str] = ()) -> Pending:
        """Admit the client to the next room, and send the history."""
        join = self.take_join()
        names = tuple(map(prepare_name, members))
        pending = Pending(join, cut=cut, members=names, count=len(names))
        self.conversation.admit(pending)
        await self.run_jobs()
        return pending

    async def wait_for_all(self) -> None:
        while self.waited_for:
            await self.waited_for.pop(0)()

    async def run_jobs(self) -> None:
        while self.jobs:
            await self.jobs.pop(0)()

    async def leave(self, code: int = ABNORMAL) -> None:
        await self.conversation.leave(code)

    def ending(self) -> CloseCode | None:
        """The code with which the server closes the connection, if it does."""
        return self.connection._ending.code if self.connection._ending is not None else None


class Stage:
    """The parts that chats share."""

    def __init__(self, settings: Settings | None = None, store: MemoryStore | None = None) -> None:
        self.settings = settings or Settings()
        self.metrics = Metrics()
        self.context = Context(self.settings, self.metrics, lambda: WALL_MS, str)
        self.store = store or MemoryStore(lambda: "e1")
        self.recent = RecentPages(lambda: self.store.epoch)
        self.history_reader = HistoryReader(self.store, self.recent, self.context)
        self.limits = Limits(self.settings)
        self.names = ShownNames()
        self.inbox = Inbox()
        self.requests = self.inbox._taking

    @contextmanager
    def talk(
        self,
        address: str = ADDRESS,
        identity: Identity | None = None,
        deflate: str | None = None,
        verifier: Verifier | None = None,
    ) -> Iterator[Talk]:
        ours, peer = socket.socketpair()
        with ours, peer:
            for end in (ours, peer):
                end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
            connection = Connection(
                SocketTransport(ours),
                upgrade(address=address, deflate=deflate),
                self.context,
                self.inbox,
                TimerWheel(),
                frame_rate=0,
            )
            jobs: list[Job] = []
            waited_for: list[Job] = []
            connection.start_soon = jobs.append  # type: ignore[assignment,method-assign]
            connection.wait_for = waited_for.append  # type: ignore[assignment,method-assign]
            connection.ask = self.inbox.send_nowait  # type: ignore[method-assign]
            shared = Shared(
                self.context, self.inbox, self.history_reader, self.limits, self.names, verifier
            )
            conversation = Chat(connection, shared, identity, lambda _: None)
            talk = Talk(
                conversation, connection, peer, self.requests, self.metrics, jobs, waited_for
            )
            talk.reader.extensions.extend([Inflate()] if deflate else [])
            yield talk

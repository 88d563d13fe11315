"""A running connection, its client, and a conversation that records its messages."""

import math
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field

from tests.support.certificates import client_context
from tests.tls.peer import server_context
from tests.websocket.wire import TIMEOUT_SECONDS, Client, loopback_pair, upgrade
from trio_chat.access.tokens import Identity
from trio_chat.context import Context
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.presence import ShownNames
from trio_chat.hub.requests import Publish, Request
from trio_chat.metrics import Metrics
from trio_chat.protocol.encodings import BINARY, server_frame
from trio_chat.protocol.messages import Reconnect, TokenEnds
from trio_chat.protocol.names import Name
from trio_chat.settings import Settings
from trio_chat.store.recent import RecentPages
from trio_chat.tls.transport import TlsTransport
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.echo import Conversation
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import SocketTransport, Transport

FILLER = server_frame(BINARY, bytes(1000))

SMALL_BUFFERS: dict[str, Any] = {"receive_buffer_bytes": 2000, "send_buffer_bytes": 2000}

DELAYED_ACK_SECONDS = 0.1
"""Longer than a kernel delays an acknowledgement (40 ms)."""


@define(eq=False)
class Notes:
    """A `Conversation` that records its messages.

    Attributes:
        left: The number of calls of `leave`; `codes` has their arguments.
        gone: Set after the first of them.
        gate: If set, no message is handled until it opens; likewise `leave_gate`.
        news: The arguments of `announce`.
        asks: The request that a text becomes.
    """

    has_begun: bool = True
    heard: list[str | bytes] = field(factory=list)
    left: int = 0
    gone: trio.Event = field(factory=trio.Event)
    gate: trio.Event | None = None
    leave_gate: trio.Event | None = None
    failure: BaseException | None = None
    codes: list[int] = field(factory=list)
    beat: bytes | None = None
    news: list[TokenEnds | Reconnect] = field(factory=list)
    announced: bytes | None = None
    on_hearing: Callable[[], None] = lambda: None
    asks: Publish | None = None
    connection: Connection | None = None
    _arrived: trio.Event = field(factory=trio.Event)

    def take(self, text: str, now: float) -> Publish | None:  # noqa: ARG002
        self._note(text)
        return self.asks

    def take_binary(self, data: bytes) -> None:
        self._note(data)

    def heartbeat(self) -> bytes | None:
        return self.beat

    def announce(self, news: TokenEnds | Reconnect) -> bytes | None:
        self.news.append(news)
        return self.announced

    async def leave(self, code: int) -> None:
        self.codes.append(code)
        await trio.lowlevel.checkpoint()
        self.left += 1
        self.gone.set()
        if self.leave_gate is not None:
            await self.leave_gate.wait()

    async def hear(self, count: int) -> list[str | bytes]:
        while len(self.heard) < count:
            self._arrived = trio.Event()
            await self._arrived.wait()
        return self.heard

    def _note(self, message: str | bytes) -> None:
        self.heard.append(message)
        self._arrived.set()
        self.on_hearing()
        if self.failure is not None:
            raise self.failure
        if self.gate is not None:
            assert self.connection is not None
            self.connection.wait_for(self.gate.wait)


@define(eq=False)
class StubHub:
    """A hub that records its turns and sends each request to `asked`; turns wait for `may_take`."""

    inbox: Inbox = field(factory=Inbox)
    names: ShownNames = field(factory=ShownNames)
    recent: RecentPages = field(factory=lambda: RecentPages(lambda: ""))
    turns: list[list[Request]] = field(factory=list)
    asked: trio.MemorySendChannel[Request] | None = None
    may_take: trio.Event | None = None

    async def run(self) -> None:
        with self.inbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.inbox.read_in_long_turns)
                while True:
                    self.turns.append(await self.inbox.take())
                    if self.asked is not None:
                        for request in self.turns[-1]:
                            await self.asked.send(request)
                    if self.may_take is not None:
                        self.inbox.turn_waits()
                        await self.may_take.wait()


@define(eq=False)
class Scene:
    """A running connection; `code` is the result of `Connection.run`, `failure` its error."""

    client: Client
    connection: Connection
    notes: Notes
    metrics: Metrics
    sock: socket.socket
    conversation: Conversation
    hub: StubHub
    ended: trio.Event = field(factory=trio.Event)
    code: int | None = None
    failure: BaseException | None = None
    scope: trio.CancelScope = field(factory=trio.CancelScope)

    async def run(self) -> None:
        try:
            with self.scope:
                self.code = await self.connection.run(self.conversation)
        except ExceptionGroup as failure:
            self.failure = failure
        self.ended.set()

    async def wait_ended(self) -> int | None:
        """Wait for the end without a failure, and return the code."""
        await self.ended.wait()
        if self.failure is not None:
            raise self.failure
        assert self.sock.fileno() == -1, "the socket was left open"
        return self.code

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics._registry.get_sample_value(f"trio_chat_{name}", labels) or 0.0

    async def fill(self, waiting: int = 20) -> int:
        """Offer frames until this many wait and the kernel takes no more; return their number."""
        outbox = self.connection.outbox
        offered = 0
        with time_standing_still():
            while outbox.waiting_frames < waiting:
                outbox.offer([FILLER], FILLER)
                offered += 1
                if outbox.waiting_frames == waiting:
                    await trio.testing.wait_all_tasks_blocked(DELAYED_ACK_SECONDS)
        return offered


@contextmanager
def time_standing_still() -> Iterator[None]:
    """Stop a clock that jumps."""
    clock = trio.lowlevel.current_clock()
    if isinstance(clock, trio.testing.MockClock):
        threshold, clock.autojump_threshold = clock.autojump_threshold, math.inf
        yield
        clock.autojump_threshold = threshold
    else:
        yield


ClientStream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def bare(tcp: trio.SocketStream, sock: socket.socket) -> tuple[ClientStream, Transport]:
    await trio.lowlevel.checkpoint()
    return tcp, SocketTransport(sock)


async def encrypted(tcp: trio.SocketStream, sock: socket.socket) -> tuple[ClientStream, Transport]:
    client = trio.SSLStream(tcp, client_context(), server_hostname="localhost")
    server = TlsTransport(sock, server_context(), trio.lowlevel.checkpoint)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.do_handshake)
    return client, server


CARRIERS = {"socket": bare, "tls": encrypted}

carrier = "socket"
"""Set by the fixture of this name."""


@asynccontextmanager
async def connected(  # noqa: PLR0913 - all by name, each with a default
    *,
    notes: Notes | None = None,
    make: Callable[[Connection], Conversation] | None = None,
    trailing: bytes = b"",
    deflate: str | None = None,
    frame_rate: float = 0,
    receive_buffer_bytes: int | None = None,
    answered: bool = True,
    seconds_to_live: float | None = None,
    **settings: object,
) -> AsyncIterator[Scene]:
    """Run a connection whose upgrade has been answered. The end closes the client."""
    made = Settings(**settings)  # type: ignore[arg-type]
    tcp, sock = await loopback_pair(receive_buffer_bytes=receive_buffer_bytes)
    stream, transport = await CARRIERS[carrier](tcp, sock)
    transport.limit_send_buffer(made.send_buffer_bytes)
    metrics = Metrics()
    timers, hub = TimerWheel(), StubHub()
    identity = None if seconds_to_live is None else Identity(Name("ann", "ann"), seconds_to_live)
    connection = Connection(
        transport,
        upgrade(trailing=trailing, deflate=deflate, identity=identity),
        Context(made, metrics, lambda: 0, str),
        hub.inbox,
        timers,
        frame_rate=frame_rate,
    )
    notes = notes or Notes()
    notes.connection = connection
    conversation = make(connection) if make else notes
    scene = Scene(Client(stream), connection, notes, metrics, sock, conversation, hub)
    # pytest's limit is enough for a clock that jumps.
    jumps = isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
    with trio.fail_after(math.inf if jumps else TIMEOUT_SECONDS):
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(scene.run)
            nursery.start_soon(timers.run)
            nursery.start_soon(hub.run)
            if answered:
                await scene.client.receive_head()
            yield scene
            await scene.client.close()
            await scene.ended.wait()
            nursery.cancel_scope.cancel()

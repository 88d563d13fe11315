"""The model server behind a real WebSocket, and all that a server may do to a client."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import define, field
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    serve_websocket,
)

from tests.client.model import ModelServer, Peer

TIMEOUT_SECONDS = 30
"""Of Trio's clock, which most tests let jump."""


@define(eq=False)
class Guest:
    """A client that is connected.

    Attributes:
        peer: How the model has it.
        socket: Its connection.
        headers: Of its request.
        work: Unparked when there may be something to send.
    """

    peer: Peer
    socket: WebSocketConnection
    headers: dict[bytes, bytes]
    work: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)


@define(eq=False)
class FakeServer:
    """A server that runs.

    Attributes:
        model: Its logs and manners.
        url: Where it is.
        guests: Everybody who has ever been let in.
        rejects: The next upgrades get these statuses and headers instead.
        is_mute: It takes what comes and says nothing.
        is_deaf: It leaves upgrades unanswered.
        waiting: How many it has left so.
    """

    model: ModelServer = field(factory=ModelServer)
    url: str = ""
    guests: list[Guest] = field(factory=list)
    rejects: list[tuple[int, list[tuple[bytes, bytes]]]] = field(factory=list)
    is_mute: bool = False
    is_deaf: bool = False
    waiting: int = 0
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def handle(self, request: WebSocketRequest) -> None:
        """Serve a client until it has gone."""
        if self.is_deaf:
            self.waiting += 1
            self._changed.unpark_all()
            await trio.sleep_forever()
        if self.rejects:
            status, headers = self.rejects.pop(0)
            await request.reject(status, extra_headers=headers, body=b"no")
            return
        socket = await request.accept()
        guest = Guest(self.model.connect(), socket, dict(request.headers))
        self.guests.append(guest)
        self._changed.unpark_all()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, guest)
            await self._receive(guest)
            nursery.cancel_scope.cancel()

    def flush(self) -> None:
        """Send what the model has to say."""
        for guest in self.guests:
            guest.work.unpark_all()
        self._changed.unpark_all()

    def say(self, text: str, room: str = "general") -> None:
        """Somebody says something."""
        self.model.say(room, text)
        self.flush()

    def tell(self, **frame: object) -> None:
        """Send a frame to the newest guest."""
        self.guests[-1].peer.sent.append(frame)
        self.flush()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait for something that the clients bring about."""
        while not fact():
            await self._changed.park()

    def freeze(self) -> None:
        """From now on nobody answers on the newest connection, not even a ping."""
        self.guests[-1].socket._wsproto.receive_data = lambda data: None  # type: ignore[method-assign]  # noqa: ARG005

    async def cut(self) -> None:
        """Break the newest connection."""
        guest = self.guests[-1]
        self.model.cut(guest.peer)
        await trio.aclose_forcefully(guest.socket._stream)

    async def _receive(self, guest: Guest) -> None:
        try:
            while True:
                text = await guest.socket.get_message()
                assert isinstance(text, str)
                self.model.receive(guest.peer, text)
                self.flush()
        except ConnectionClosed:
            self.model.cut(guest.peer)

    async def _send(self, guest: Guest) -> None:
        try:
            while True:
                while guest.peer.sent and not self.is_mute:
                    await guest.socket.send_message(json.dumps(guest.peer.sent.popleft()))
                await guest.work.park()
        except ConnectionClosed:
            pass  # its reader sees it too


@asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    """Run one on a free port."""
    fake = FakeServer()
    with trio.fail_after(TIMEOUT_SECONDS * 60):
        async with trio.open_nursery() as nursery:
            serve = partial(serve_websocket, fake.handle, "127.0.0.1", 0, None)
            server: WebSocketServer = await nursery.start(serve)
            fake.url = f"ws://127.0.0.1:{server.port}/ws"
            yield fake
            nursery.cancel_scope.cancel()

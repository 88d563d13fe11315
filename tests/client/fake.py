"""The model server behind a real WebSocket, with faults on demand."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

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
from trio_chat.client import Chat, Event

E = TypeVar("E", bound=Event)

TIMEOUT_SECONDS = 30
"""By Trio's clock, which jumps in most tests."""


@define(eq=False)
class Guest:
    """A connected client; `work` is unparked when the model may have messages for it."""

    peer: Peer
    socket: WebSocketConnection
    headers: dict[bytes, bytes]
    work: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)


@define(eq=False)
class FakeServer:
    """A running server; `rejects` refuses the next upgrades, `waiting` counts unanswered ones."""

    model: ModelServer = field(factory=ModelServer)
    url: str = ""
    guests: list[Guest] = field(factory=list)
    rejects: list[tuple[int, list[tuple[bytes, bytes]]]] = field(factory=list)
    is_mute: bool = False
    ignores_upgrades: bool = False
    waiting: int = 0
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def handle(self, request: WebSocketRequest) -> None:
        if self.ignores_upgrades:
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
        """Send all messages of the model."""
        for guest in self.guests:
            guest.work.unpark_all()
        self._changed.unpark_all()

    def send_message(self, text: str, room: str = "general") -> None:
        """Send a message as another user."""
        self.model.send_message(room, text)
        self.flush()

    def send(self, **message: object) -> None:
        """Send a message to the newest guest."""
        self.guests[-1].peer.sent.append(message)
        self.flush()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that the clients fulfil."""
        while not condition():
            await self._changed.park()

    def freeze(self) -> None:
        """Stop answering on the newest connection, even pings."""
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
            pass  # `_receive` handles it


@asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    with trio.fail_after(TIMEOUT_SECONDS * 60):
        async with trio.open_nursery() as nursery:
            serve = partial(serve_websocket, fake.handle, "127.0.0.1", 0, None)
            server: WebSocketServer = await nursery.start(serve)
            fake.url = f"ws://127.0.0.1:{server.port}/ws"
            yield fake
            nursery.cancel_scope.cancel()


async def until(chat: Chat, kind: type[E]) -> E:
    """Return the next event of this type."""
    async for event in chat:
        if isinstance(event, kind):
            return event
    raise AssertionError("the chat has ended")

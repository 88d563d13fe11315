"""An unreliable network in the loop of the test, with a server that is killed and restarted."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import define, field

from trio_chat import server
from trio_chat.settings import Settings

FAULTS_PER_KILL = 6


@define(eq=False)
class Network:
    """The network.

    Attributes:
        rng: Decides all faults.
        store: The store of the server, as in `--store`.
        url: The address for clients.
        cuts: The number of connections cut.
        kills: The number of times it killed the server.
        is_over: Whether the faults are over.
    """

    rng: random.Random
    store: str
    nursery: trio.Nursery
    url: str = ""
    cuts: int = 0
    kills: int = 0
    is_over: bool = False
    _port: int = 0
    _ended: trio.Event = field(factory=trio.Event)
    _server: trio.CancelScope = field(factory=trio.CancelScope)
    _lines: list[trio.CancelScope] = field(factory=list)

    async def start_server(self) -> None:
        """Start the server, on its former port."""
        # Limits would only slow the test down.
        settings = Settings(
            port=self._port,
            store=self.store,
            message_rate=0,
            upgrade_rate=0,
            notice_rate=0,
            new_room_rate=0,
        )
        url = await self.nursery.start(self._serve, settings)
        self._port = int(url.rstrip("/").rpartition(":")[2])

    async def kill_server(self) -> None:
        """Kill the server and start it again."""
        self.kills += 1
        self._server.cancel()
        await self._ended.wait()
        await self.start_server()

    async def fail(self, faults: int) -> None:
        """Cut connections, also within frames, and kill the server, as many times in all."""
        for number in range(faults):
            await trio.sleep(self.rng.uniform(0.01, 0.2))
            if number % FAULTS_PER_KILL == 0:
                await self.kill_server()
            elif self._lines:
                self.cuts += 1
                self.rng.choice(self._lines).cancel()
        self.is_over = True

    async def _serve(self, settings: Settings, task_status: trio.TaskStatus[str]) -> None:
        self._ended = trio.Event()
        with trio.CancelScope() as self._server:
            await server.serve(settings, task_status=task_status)
        self._ended.set()

    async def carry(self, client: trio.SocketStream) -> None:
        """Connect a client to the server, unless that is down."""
        try:
            upstream = await trio.open_tcp_stream("127.0.0.1", self._port)
        except OSError:
            return
        async with upstream, trio.open_nursery() as nursery:
            line = nursery.cancel_scope
            self._lines.append(line)
            nursery.start_soon(self._pump, client, upstream, line)
            nursery.start_soon(self._pump, upstream, client, line)
        self._lines.remove(line)

    async def _pump(
        self, source: trio.SocketStream, drain: trio.SocketStream, line: trio.CancelScope
    ) -> None:
        try:
            async for data in source:
                await drain.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one of the ends has closed
        line.cancel()


@asynccontextmanager
async def unreliable_network(seed: int, store: str) -> AsyncIterator[Network]:
    """Run a server behind an unreliable network."""
    async with trio.open_nursery() as nursery:
        made = Network(random.Random(seed), store, nursery)
        await made.start_server()
        listeners = await nursery.start(partial(trio.serve_tcp, made.carry, 0, host="127.0.0.1"))
        made.url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/ws"
        yield made
        nursery.cancel_scope.cancel()

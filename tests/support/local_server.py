"""A whole server in the Trio loop of the test, and its clients."""

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from attrs import define, field

from tests.support.certificates import client_context
from tests.websocket.wire import HEAD, TIMEOUT_SECONDS, Client, text
from trio_chat import server
from trio_chat.settings import Settings

ECHO_HEAD = HEAD.replace(b"/ws", b"/ws/echo", 1)


@define(eq=False)
class LocalServer:
    """A server in the Trio loop of the test; `ended` comes with a `status` or a `failure`."""

    url: str = ""
    port: int = 0
    ended: trio.Event = field(factory=trio.Event)
    status: int | None = None
    failure: ExceptionGroup[Any] | None = None
    clients: list[Client] = field(factory=list)

    async def serve(self, settings: Settings, task_status: trio.TaskStatus[str]) -> None:
        """Run it until it ends."""
        try:
            self.status = await server.serve(settings, task_status=task_status)
        except ExceptionGroup as failure:  # the test looks at it
            self.failure = failure
        self.ended.set()

    async def dial(self) -> Client:
        """Open a TCP connection, with TLS if the server speaks it."""
        tcp = await trio.open_tcp_stream("127.0.0.1", self.port)
        client = Client(tcp)
        if self.url.startswith("https:"):
            tls = trio.SSLStream(tcp, client_context(), server_hostname="localhost")
            await tls.do_handshake()
            client = Client(tls)
        self.clients.append(client)
        return client

    async def connect(self, head: bytes = HEAD) -> Client:
        client = await self.dial()
        await client.send(head)
        assert (await client.receive_head()).startswith(b"HTTP/1.1 101 ")
        return client

    async def join(self, name: str) -> Client:
        client = await self.connect()
        await client.send(text(name))
        await until(client, "presence")
        return client

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page."""
        client = await self.dial()
        request = f"GET {path} HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n"
        await client.send(request.encode())
        answer = b"".join([part async for part in client.stream]).decode()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ", 2)[1]), body

    async def sample(self, name: str) -> float:
        _, body = await self.get("/metrics")
        found = re.search(rf"^trio_chat_{name} (\S+)$", body, re.MULTILINE)
        assert found is not None
        return float(found[1])


async def until(client: Client, kind: str) -> dict[str, Any]:
    """Return the next message of this type, skipping others."""
    while True:
        message: dict[str, Any] = json.loads(bytes((await client.receive()).data))
        if message["type"] == kind:
            return message


@asynccontextmanager
async def local_server(**settings: Any) -> AsyncIterator[LocalServer]:  # noqa: ANN401 - any setting
    """Run a server on a free port in the block, by default with a store in memory."""
    defaults = {"port": 0, "store": "memory:", "notice_rate": 0, "new_room_rate": 0}
    made = Settings(**{**defaults, **settings})
    home = LocalServer()
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            home.url = await nursery.start(partial(home.serve, made))
            home.port = int(home.url.rstrip("/").rpartition(":")[2])
            yield home
            for client in home.clients:
                await client.close()
            if not home.ended.is_set():
                signal.raise_signal(signal.SIGTERM)

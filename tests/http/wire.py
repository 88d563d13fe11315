"""A client for tests: sends bytes to a front, and parses the HTTP that it receives."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import h11
import trio
import trio.testing
from attrs import Factory, define, frozen

from trio_chat.http.front import HttpFront
from trio_chat.http.request import Request, parse
from trio_chat.http.response import Headers
from trio_chat.http.routes import Readiness, Routes
from trio_chat.http.static import StaticFiles
from trio_chat.protocol.handshake import Refusal, Upgrade

ADDRESS = "192.0.2.7"
READY = Readiness(ready=True, text="ready")
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


@frozen
class Socket:
    """Only the address of a socket."""

    host: str = ADDRESS

    def getpeername(self) -> tuple[str, int]:
        return self.host, 50123


@frozen
class Reply:
    """One response as the client parses it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


@define
class Scene:
    """The fake surroundings of a front: their answers, and the reports of the front."""

    folder: Path
    readiness: Readiness = READY
    refusal: Refusal | None = None
    draining: bool = False
    asks_for_tokens: bool = False
    embed_origins: tuple[str, ...] = ()
    metrics: bytes = b"chat_connections 3\n"
    admitted: list[Upgrade] = Factory(list)
    tokens: list[str | None] = Factory(list)
    refused: list[str] = Factory(list)
    noted: list[tuple[str, dict[str, str]]] = Factory(list)
    statuses: list[int] = Factory(list)

    def front(self, **settings: object) -> HttpFront:
        return HttpFront(
            routes=self.routes(),
            admit=self._admit,
            on_response=self.statuses.append,
            on_refusal=self._note,
            is_draining=lambda: self.draining,
            **settings,  # type: ignore[arg-type]
        )

    def routes(self) -> Routes:
        return Routes(
            pages=StaticFiles(self.folder, self.embed_origins),
            readiness=lambda: self.readiness,
            metrics_text=lambda: self.metrics,
            metrics_content_type="text/plain; version=0.0.4",
            asks_for_tokens=self.asks_for_tokens,
        )

    def _note(self, refusal: Refusal, address: str, fields: Mapping[str, str]) -> None:
        self.refused.append(refusal.code)
        self.noted.append((address, dict(fields)))

    def _admit(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        self.admitted.append(upgrade)
        self.tokens.append(token)
        return self.refusal or upgrade


@frozen
class Talk:
    """The result of a connection: the received bytes, and the upgrade, if any."""

    raw: bytes
    upgrade: Upgrade | None
    unread: bytes = b""

    def replies(self, *methods: str) -> list[Reply]:
        """Parse the responses to requests with these methods; the last counts for further ones."""
        return parse_replies(self.raw, methods or ("GET",))

    def reply(self, method: str = "GET") -> Reply:
        (reply,) = self.replies(method)
        return reply


async def talk(front: HttpFront, *pieces: bytes, host: str = ADDRESS) -> Talk:
    """Send the pieces one by one, end the client's side, and collect the answer."""
    client, server = trio.testing.memory_stream_pair()
    result: list[Upgrade | None] = []

    async def serve() -> None:
        result.append(await front.serve(server, Socket(host)))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with suppress(trio.BrokenResourceError):  # the front has ended it
                for piece in pieces:
                    await client.send_all(piece)
                    await trio.testing.wait_all_tasks_blocked()
                await client.send_eof()
        (upgrade,) = result
        if upgrade is None:
            return Talk(await read_all(client), None)
        unread = await read_all(server)
        await server.send_eof()
        return Talk(await read_all(client), upgrade, unread)


async def upgraded(front: HttpFront, head: bytes, host: str = ADDRESS) -> Upgrade:
    """Send an upgrade that the front must admit."""
    upgrade = (await talk(front, head, host=host)).upgrade
    assert upgrade is not None
    return upgrade


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    received = bytearray()
    async for data in stream:
        received += data
    return bytes(received)


def parse_replies(raw: bytes, methods: Sequence[str] = ("GET",)) -> list[Reply]:
    """Parse responses with h11; no bytes may be left over."""
    replies: list[Reply] = []
    while raw:
        method = methods[min(len(replies), len(methods) - 1)]
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(raw)
        response = connection.next_event()
        assert isinstance(response, h11.Response)
        body = bytearray()
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage), "the body is incomplete"
        raw = connection.trailing_data[0]
        replies.append(Reply(response.status_code, dict(response.headers), bytes(body)))
        if b"close" in replies[-1].headers.get(b"connection", b""):
            assert raw == b"", "bytes follow the last response"
    return replies


def parsed(head: bytes) -> Request:
    request = parse(head)
    assert isinstance(request, Request)
    return request


def get(target: bytes = b"/", *lines: bytes, method: bytes = b"GET") -> bytes:
    """Return a request with a Host and further lines."""
    head = [method + b" " + target + b" HTTP/1.1", b"Host: chat.test", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def upgrade_request(
    target: bytes = b"/ws", *more: bytes, without: bytes = b"", **changed: bytes
) -> bytes:
    """Return an upgrade; fields are changed by name (``_`` for ``-``), left out, or added."""
    fields = {
        b"Host": b"chat.test",
        b"Upgrade": b"websocket",
        b"Connection": b"keep-alive, Upgrade",
        b"Sec-WebSocket-Version": b"13",
        b"Sec-WebSocket-Key": KEY,
        **{name.replace("_", "-").encode(): value for name, value in changed.items()},
    }
    lines = [name + b": " + value for name, value in fields.items() if name != without]
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", *lines, *more]) + b"\r\n\r\n"


def fields(**named: bytes) -> Headers:
    """Return header fields in the form of the parser."""
    return tuple((name.replace("_", "-").encode(), value) for name, value in named.items())

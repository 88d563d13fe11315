"""A client's end of the wire: sends bytes to a front, and reads what comes back as HTTP."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import h11
import trio
import trio.testing
from attrs import Factory, define, frozen

from trio_chat.http.fields import Headers
from trio_chat.http.front import HttpFront, Peer
from trio_chat.http.refused import Asked
from trio_chat.http.routes import Readiness, Routes
from trio_chat.http.static import StaticFiles
from trio_chat.protocol.handshake import Refusal, Upgrade

PEER = Peer("192.0.2.7", 50123)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

READY = Readiness(ready=True, text="ready")

UPGRADE_FIELDS: dict[bytes, bytes] = {
    b"Host": b"chat.test",
    b"Upgrade": b"websocket",
    b"Connection": b"keep-alive, Upgrade",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
}


@frozen
class Reply:
    """One response as the client's parser sees it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


@define
class Scene:
    """What stands around a front: whom it asks, and what it was told."""

    folder: Path
    readiness: Readiness = READY
    refusal: Refusal | None = None
    draining: bool = False
    asks_for_tokens: bool = False
    admitted: list[Upgrade] = Factory(list)
    tokens: list[str | None] = Factory(list)
    refused: list[str] = Factory(list)
    asked: list[Asked] = Factory(list)
    statuses: list[int] = Factory(list)

    def front(self, **settings: object) -> HttpFront:
        """A front in this scene."""
        return HttpFront(
            routes=self.routes(),
            admit=self._admit,
            on_response=self.statuses.append,
            on_refusal=self._note,
            is_draining=lambda: self.draining,
            **settings,  # type: ignore[arg-type]
        )

    def routes(self) -> Routes:
        """The routes over the scene's folder of pages."""
        return Routes(
            pages=StaticFiles(self.folder),
            readiness=lambda: self.readiness,
            metrics_text=lambda: b"chat_connections 3\n",
            metrics_content_type="text/plain; version=0.0.4",
            asks_for_tokens=self.asks_for_tokens,
        )

    def _note(self, refusal: Refusal, asked: Asked) -> None:
        self.refused.append(refusal.code)
        self.asked.append(asked)

    def _admit(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        self.admitted.append(upgrade)
        self.tokens.append(token)
        return self.refusal or upgrade


@frozen
class Talk:
    """How a conversation ended: what was sent back, what became of the connection."""

    raw: bytes
    upgrade: Upgrade | None
    unread: bytes = b""

    def replies(self, *methods: str) -> list[Reply]:
        """The responses; to requests of these methods, the last standing for all further ones."""
        return parse_replies(self.raw, methods or ("GET",))

    def reply(self, method: str = "GET") -> Reply:
        """The only response."""
        (reply,) = self.replies(method)
        return reply


async def talk(front: HttpFront, *pieces: bytes) -> Talk:
    """Send the pieces one by one, end the client's side, and collect all that comes back."""
    client, server = trio.testing.memory_stream_pair()
    result: list[Upgrade | None] = []

    async def serve() -> None:
        result.append(await front.serve_stream(server, PEER))

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


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """All that comes until the other side ends."""
    received = bytearray()
    async for data in stream:
        received += data
    return bytes(received)


def parse_replies(raw: bytes, methods: Sequence[str]) -> list[Reply]:
    """Parse responses as strictly as h11 does; nothing may be left over."""
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
            assert raw == b"", "something follows a response that said it was the last"
    return replies


def get(target: bytes = b"/", *lines: bytes, method: bytes = b"GET") -> bytes:
    """A request with a Host and these further lines."""
    head = [method + b" " + target + b" HTTP/1.1", b"Host: chat.test", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def upgrade_request(
    target: bytes = b"/ws", *more: bytes, without: bytes = b"", **changed: bytes
) -> bytes:
    """A well-formed upgrade; fields changed by name with ``_`` for ``-``, left out, or added."""
    changes = {name.replace("_", "-").encode(): value for name, value in changed.items()}
    fields = {**UPGRADE_FIELDS, **changes}
    lines = [name + b": " + value for name, value in fields.items() if name != without]
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", *lines, *more]) + b"\r\n\r\n"


def fields(**named: bytes) -> Headers:
    """Header fields as the parser gives them."""
    return tuple((name.replace("_", "-").encode(), value) for name, value in named.items())

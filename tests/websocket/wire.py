"""A client that sends any bytes, and reads with the parser of another library."""

import socket
import struct
import zlib
from collections.abc import Generator, Sequence

import trio
from websockets.extensions import Extension
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader
from websockets.typing import ExtensionName

from tests.support.frames import close, frame, text
from trio_chat.access.tokens import Identity
from trio_chat.protocol.handshake import Upgrade

__all__ = ["close", "frame", "text"]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="

HEAD = (
    "GET /ws HTTP/1.1\r\nHost: chat.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()

ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
"""The answer to it, up to the field for extensions."""

DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The header of an upgrade that accepts compression."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)

TIMEOUT_SECONDS = 20
"""The limit of any wait: less than pytest's own."""


def upgrade(  # noqa: PLR0913 - all by name, each a part of the request
    *,
    trailing: bytes = b"",
    path: str = "/ws",
    address: str = "192.0.2.7",
    origin: str = "",
    identity: Identity | None = None,
    deflate: str | None = None,
) -> Upgrade:
    return Upgrade(
        path=path,
        answer=ANSWER,
        trailing=trailing,
        address=address,
        peer=f"{address}:50123",
        origin=origin,
        identity=identity,
        deflate=deflate,
    )


def fragments(opcode: int, *payloads: bytes) -> bytes:
    """Return one message in several frames."""
    last = len(payloads) - 1
    return b"".join(
        frame(Opcode.CONT if place else opcode, payload, fin=place == last)
        for place, payload in enumerate(payloads)
    )


class Deflated(Frame):
    """A frame that arrived compressed."""


class Inflate(Extension):
    """Inflates as RFC 7692 section 7.2.2 describes."""

    name = ExtensionName("permessage-deflate")

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:  # noqa: ARG002
        if not frame.rsv1 or not frame.fin or frame.opcode not in {Opcode.TEXT, Opcode.BINARY}:
            return frame
        payload = bytes(frame.data) + b"\x00\x00\xff\xff"
        return Deflated(frame.opcode, zlib.decompressobj(-15).decompress(payload))

    def encode(self, frame: Frame) -> Frame:
        raise NotImplementedError


class FrameReader:
    """Parses the frames of a server, strictly."""

    def __init__(self) -> None:
        self.extensions: list[Extension] = []
        self._reader = StreamReader()
        self._parser = self._parse()

    def feed(self, data: bytes | bytearray) -> list[Frame]:
        self._reader.feed_data(data)
        frames: list[Frame] = []
        while True:
            try:
                next(self._parser)
            except StopIteration as done:
                frames.append(done.value)
                self._parser = self._parse()
            else:
                return frames

    def _parse(self) -> Generator[None, None, Frame]:
        return Frame.parse(self._reader.read_exact, mask=False, extensions=self.extensions)

    @property
    def is_between_frames(self) -> bool:
        """Whether no frame is incomplete."""
        return not self._reader.buffer


def code_of(one: Frame) -> int:
    assert one.opcode is Opcode.CLOSE
    return Close.parse(one.data).code


def texts(frames: Sequence[Frame]) -> list[str]:
    return [bytes(one.data).decode() for one in frames if one.opcode is Opcode.TEXT]


class Client:
    """The other end of a connection, with or without TLS. It answers nothing by itself."""

    def __init__(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.tcp = stream if isinstance(stream, trio.SocketStream) else stream.transport_stream
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    async def receive_head(self) -> bytes:
        """Return the answer to the upgrade."""
        received = b""
        while b"\r\n\r\n" not in received:
            data = await self.stream.receive_some()
            assert data, "the connection ended before the upgrade was answered"
            received += data
        head, _, rest = received.partition(b"\r\n\r\n")
        if DEFLATE.encode() in head:
            self._reader.extensions.append(Inflate())
        self._frames += self._reader.feed(rest)
        return head

    async def send(self, *parts: bytes) -> None:
        await self.stream.send_all(b"".join(parts))

    async def receive(self) -> Frame:
        while not self._frames:
            data = await self.stream.receive_some()
            assert data, "the connection ended without a further frame"
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    async def receive_rest(self) -> list[Frame]:
        """Return all frames until the server ends the connection."""
        async for data in self.stream:
            self._frames += self._reader.feed(data)
        assert self._reader.is_between_frames, "the last frame was cut"
        frames, self._frames = self._frames, []
        return frames

    async def receive_close(self) -> Close:
        """Return the close frame, which is the last thing that arrives."""
        (only,) = await self.receive_rest()
        assert only.opcode is Opcode.CLOSE
        return Close.parse(only.data)

    async def close(self) -> None:
        """Close the socket, without a close frame or close_notify."""
        await trio.aclose_forcefully(self.stream)

    async def reset(self) -> None:
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        await trio.aclose_forcefully(self.stream)


async def loopback_pair(
    *, receive_buffer_bytes: int | None = None
) -> tuple[trio.SocketStream, socket.socket]:
    """Return a client's stream and the server's bare socket, connected by TCP."""
    client = trio.socket.socket()
    if receive_buffer_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        await client.connect(listener.getsockname())
        accepted, _ = await listener.accept()
    server = socket.socket(fileno=accepted.detach())
    server.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as trio's listeners have it
    return trio.SocketStream(client), server

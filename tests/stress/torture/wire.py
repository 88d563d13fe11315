"""A WebSocket of a client: trio for the socket, the `websockets` package for the protocol.

It shares no code with the server, nor the server's library, so that they share no mistake.
"""

import json
import socket
import struct
from typing import Any

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

JsonMessage = dict[str, Any]

OPEN_SECONDS = 10.0
"""The limit for connecting and the handshake; the port of a killed server refuses at once."""

CHUNK_BYTES = 65_536

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s: closing discards unsent bytes and sends RST."""


class Ended(Exception):  # noqa: N818 - often the expected outcome
    """The connection has ended, for whatever reason."""


class Wire:
    """A WebSocket. Made by `open_wire`, and ended by `cut`."""

    def __init__(self, stream: trio.SocketStream, protocol: ClientProtocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._received: list[Any] = []
        self._writing = trio.Lock()

    async def send(self, message: JsonMessage) -> None:
        """Send a JSON object.

        Raises:
            Ended: The connection has ended.
        """
        self._push(message)
        await self._flush()

    async def send_half(self, message: JsonMessage) -> None:
        """Send the first half of a frame, and never the rest."""
        async with self._writing:
            self._push(message)
            data = b"".join(self._protocol.data_to_send())
            await self._write(data[: len(data) // 2])

    async def ping(self) -> None:
        """Send a ping and wait for its pong; `receive` returns messages that arrive meanwhile.

        Raises:
            Ended: The connection has ended.
        """
        self._protocol.send_ping(b"still there?")
        await self._flush()
        while not any(_is_pong(event) for event in self._received):
            await self._read()
        self._received = [event for event in self._received if not _is_pong(event)]

    async def receive(self) -> JsonMessage:
        """Return the next JSON object.

        Raises:
            Ended: The connection has ended.
        """
        while True:
            while self._received:
                event = self._received.pop(0)
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    message = json.loads(bytes(event.data))
                    assert isinstance(message, dict), message
                    return message
            await self._read()

    def cut(self) -> None:
        """End the connection at once, with RST."""
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._stream.socket.close()

    async def shake_hands(self) -> None:
        """Upgrade the connection.

        Raises:
            Ended: The server refused.
        """
        self._protocol.send_request(self._protocol.connect())
        await self._flush()
        while self._protocol.state is State.CONNECTING:
            await self._read()
            if self._protocol.handshake_exc is not None:
                raise Ended

    def _push(self, message: JsonMessage) -> None:
        if self._protocol.state is not State.OPEN:
            raise Ended
        self._protocol.send_text(json.dumps(message).encode())

    async def _read(self) -> None:
        try:
            data = await self._stream.receive_some(CHUNK_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Ended from error
        if not data:
            raise Ended
        self._protocol.receive_data(data)
        self._received += self._protocol.events_received()
        await self._flush()  # pongs

    async def _flush(self) -> None:
        async with self._writing:
            await self._write(b"".join(self._protocol.data_to_send()))

    async def _write(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Ended from error


def _is_pong(event: object) -> bool:
    return isinstance(event, Frame) and event.opcode is Opcode.PONG


async def open_wire(port: int) -> Wire:
    """Open a WebSocket to the chat on this port of 127.0.0.1.

    Raises:
        Ended: No server listens, or it refused.
    """
    try:
        with trio.fail_after(OPEN_SECONDS):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            wire = Wire(stream, ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/ws")))
            try:
                await wire.shake_hands()
            except BaseException:
                wire.cut()
                raise
    except (OSError, trio.TooSlowError) as error:
        raise Ended from error
    return wire

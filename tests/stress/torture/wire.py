"""One WebSocket of a client: trio for the socket, the `websockets` package for the protocol.

None of the server's own code, nor of the library under it: they are not to share a mistake.
"""

import json
import socket
import struct
from typing import Any

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

Frame = dict[str, Any]

OPEN_SECONDS = 10.0
"""For connecting and the handshake; a server that has been killed refuses at once."""

CHUNK_BYTES = 65_536

_RESET = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing throws away what is not sent, and tells the other side nothing but RST."""


class Ended(Exception):  # noqa: N818 - it is what was wanted, as often as not
    """The connection is over, however that came."""


class Wire:
    """A WebSocket. Made by `open_wire`, and ended by `cut`."""

    def __init__(self, stream: trio.SocketStream, protocol: ClientProtocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._received: list[Any] = []
        self._writing = trio.Lock()

    async def send(self, frame: Frame) -> None:
        """Send a JSON object.

        Raises:
            Ended: There is no connection any more.
        """
        self._push(frame)
        await self._flush()

    async def send_half(self, frame: Frame) -> None:
        """Send the beginning of a frame, and never the rest."""
        async with self._writing:
            self._push(frame)
            data = b"".join(self._protocol.data_to_send())
            await self._write(data[: len(data) // 2])

    async def ping(self) -> None:
        """Send a ping and wait for its pong; what else comes meanwhile is not lost.

        Raises:
            Ended: There is no connection any more.
        """
        self._protocol.send_ping(b"still there?")
        await self._flush()
        while not any(_is_pong(event) for event in self._received):
            await self._read()
        self._received = [event for event in self._received if not _is_pong(event)]

    async def receive(self) -> Frame:
        """Receive the next JSON object.

        Raises:
            Ended: There is no connection any more.
        """
        while True:
            while self._received:
                event = self._received.pop(0)
                if isinstance(event, WebSocketFrame) and event.opcode is Opcode.TEXT:
                    frame = json.loads(bytes(event.data))
                    assert isinstance(frame, dict), frame
                    return frame
            await self._read()

    def cut(self) -> None:
        """End the connection like a pulled plug that is noticed at once: with RST."""
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._stream.socket.close()

    async def shake_hands(self) -> None:
        """Ask for the upgrade, and wait until it is granted.

        Raises:
            Ended: It was refused.
        """
        self._protocol.send_request(self._protocol.connect())
        await self._flush()
        while self._protocol.state is State.CONNECTING:
            await self._read()
            if self._protocol.handshake_exc is not None:
                raise Ended

    def _push(self, frame: Frame) -> None:
        if self._protocol.state is not State.OPEN:
            raise Ended
        self._protocol.send_text(json.dumps(frame).encode())

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
    return isinstance(event, WebSocketFrame) and event.opcode is Opcode.PONG


async def open_wire(port: int) -> Wire:
    """Open a WebSocket to the chat on this port of 127.0.0.1.

    Raises:
        Ended: There is no server, or it refused.
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

"""The `picows` package on uvloop, as its documentation says it is fastest: callbacks, no tasks.

A broadcast frame is built once, with room before it in which picows writes the WebSocket
header, so that nothing is copied for a client whose socket takes it.

Run: ``python -m tests.bench.peers.picows_uvloop``
"""

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from tests.bench.peers.events import message_event, presence_event

HEADER = bytes(14)
"""The longest header of a frame; picows asks for as much."""

MAX_WAITING_BYTES = 1 << 20
"""The queue of one client, as in `floor`; a slower client is dropped."""

members: set[WSTransport] = set()


class Member(WSListener):
    """One client of the room."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: WSTransport | None = None
        self._username: str | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is through; the name is still to come."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=MAX_WAITING_BYTES)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Join with the first text frame, and broadcast each further one."""
        if frame.msg_type == WSMsgType.CLOSE:
            close(transport, frame)
        elif self._username is None:
            self._username = frame.get_payload_as_utf8_text()
            members.add(transport)
            transport.send(WSMsgType.TEXT, presence_event(len(members)))
        else:
            broadcast(message_event(self._username, frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Whether left or dropped."""
        members.discard(transport)

    def pause_writing(self) -> None:
        """More waits than may: drop the client."""
        if self._transport is not None:
            members.discard(self._transport)
            self._transport.disconnect(graceful=False)

    def resume_writing(self) -> None:
        """Do nothing: a paused client has been dropped."""


class Echo(WSListener):
    """One client of the echo server."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send it back."""
        if frame.msg_type == WSMsgType.CLOSE:
            close(transport, frame)
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


def broadcast(payload: bytes) -> None:
    """Broadcast a text frame; the transport of each socket queues the rest."""
    frame = bytearray(HEADER + payload)
    # A snapshot, since dropped clients leave the set meanwhile.
    for transport in tuple(members):
        transport.send_reuse_external_bytearray(WSMsgType.TEXT, frame, len(HEADER))


def close(transport: WSTransport, frame: WSFrame) -> None:
    """Answer a closing handshake."""
    transport.send_close(frame.get_close_code(), frame.get_close_message())
    transport.disconnect()


def listener(request: WSUpgradeRequest) -> WSListener:
    """Who serves a new connection."""
    return Echo() if request.path == b"/ws/echo" else Member()


async def main() -> None:
    """Serve until killed."""
    server = await ws_create_server(listener, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())

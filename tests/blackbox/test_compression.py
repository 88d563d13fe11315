"""permessage-deflate (RFC 7692) with a real server: what is agreed, what is sent, what it costs."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection

from tests.support.frames import BINARY, RSV1, TEXT, Frame, close, inflated, text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .deflated import OFFER, deflated, in_fragments, message, zeros
from .witness import Bystander

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "0", "--max-user-connections", "1000")

ACCEPTED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

LONG = "the same words again and again, " * 20
MIB = 1 << 20


def agreed(socket: ClientConnection) -> str | None:
    """What the server has answered to the offer."""
    assert socket.response is not None
    return socket.response.headers.get("Sec-WebSocket-Extensions")


def status(server: ChatServer, field: str) -> int:
    """A field of the server's memory, in bytes."""
    lines = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", lines, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def cpu_seconds(server: ChatServer) -> float:
    """How long the server has computed."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def raw(server: ChatServer) -> Iterator[Callable[..., RawConnection]]:
    """Open connections that have joined, or to the echo; they are closed at the end."""
    with ExitStack() as stack:

        def connect(*fields: bytes, name: str | None = None) -> RawConnection:
            connection = stack.enter_context(RawConnection(server.address))
            connection.upgrade("/ws" if name else "/ws/echo", *fields)
            if name:
                connection.join(name)
            return connection

        yield connect


def read_message(connection: RawConnection) -> Frame:
    """Return the next frame that carries a chat message."""
    while True:
        frame = connection.read_frame()
        assert frame is not None
        payload = inflated(frame.payload) if frame.rsv == RSV1 else frame.payload
        if b'"type":"message"' in payload and b'"history"' not in payload:
            return frame


# --- what is agreed -------------------------------------------------------------------------------


# --- what is sent ---------------------------------------------------------------------------------


def test_compressing_clients_receive_the_same_in_fewer_bytes(
    raw: Callable[..., RawConnection],
) -> None:
    plain, compressing, another = raw(name="plain"), raw(OFFER, name="ann"), raw(OFFER, name="bob")
    plain.push(text(LONG))
    as_it_is, short, shared = map(read_message, (plain, compressing, another))
    assert (as_it_is.rsv, short.rsv) == (0, RSV1)
    assert inflated(short.payload) == as_it_is.payload
    assert len(short.payload) < len(as_it_is.payload) / 2
    assert shared == short


def test_the_server_inflates_messages_in_any_fragments(raw: Callable[..., RawConnection]) -> None:
    echo = raw(OFFER)
    data = deflated(LONG.encode())
    for opcode in (TEXT, BINARY):
        for size in (1, 7, 1000):
            echo.push(in_fragments(data, size, opcode))
            frame = echo.read_frame()
            assert frame is not None
            assert (frame.opcode, inflated(frame.payload)) == (opcode, LONG.encode())
    echo.push(close())
    assert echo.read_close() == 1000


# --- what it costs --------------------------------------------------------------------------------


def test_decompression_bombs_cost_little_and_disturb_no_bystander(
    serve: Callable[..., ChatServer],
) -> None:
    # 1 GiB is 1 MiB deflated: here it passes the limit of what is sent, and has to be met inside.
    server = serve(*SETTINGS, "--max-frame-bytes", str(2 * MIB))
    bystander = Bystander(server.url())
    bystander.wait_for_round_trip()
    bomb = message(zeros(1 << 30))
    assert len(bomb) < 2 * MIB
    with bystander.watching() as watched:
        _explode(server, bomb)
        memory, computed = status(server, "VmHWM"), cpu_seconds(server)
        for _ in range(30):
            _explode(server, bomb)
        grown, took = status(server, "VmHWM") - memory, cpu_seconds(server) - computed
    bystander.leave()
    assert grown < 16 * MIB
    # Inflated whole it would be half a second for each, 15 in all, and 1 GiB.
    assert took < 5
    assert not watched.of_type("system")


def _explode(server: ChatServer, bomb: bytes) -> None:
    with RawConnection(server.address) as connection:
        connection.upgrade("/ws/echo", OFFER)
        connection.push(bomb)
        assert connection.read_close() == 1009


def test_compression_adds_no_memory_to_an_idle_connection(serve: Callable[..., ChatServer]) -> None:
    grown = {}
    for fields in ((), (OFFER,)):
        server = serve(*SETTINGS)
        with ExitStack() as stack:
            for _ in range(20):  # what is imported and allocated once is no connection's
                _talk(stack, server, fields)
            before = status(server, "VmRSS")
            for _ in range(200):
                _talk(stack, server, fields)
            grown[fields] = (status(server, "VmRSS") - before) / 200
    # A window each way and a compressor would be 300 KiB.
    assert grown[(OFFER,)] < grown[()] + 20 * 1024


def _talk(stack: ExitStack, server: ChatServer, fields: tuple[bytes, ...]) -> None:
    """Say something long, so that whatever is kept of it is kept."""
    connection = stack.enter_context(RawConnection(server.address))
    connection.upgrade("/ws/echo", *fields)
    connection.push(message(deflated(LONG.encode())) if fields else text(LONG))
    assert connection.read_frame() is not None

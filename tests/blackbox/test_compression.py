"""permessage-deflate (RFC 7692) with a real server: what is agreed, what is sent, what it costs."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection

from tests.support.client import Chatter, dial, is_message
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
    """The next frame that carries a message of somebody."""
    while True:
        frame = connection.read_frame()
        assert frame is not None
        payload = inflated(frame.payload) if frame.rsv == RSV1 else frame.payload
        if b'"type":"message"' in payload and b'"history"' not in payload:
            return frame


# --- what is agreed -------------------------------------------------------------------------------


def test_a_client_that_offers_compression_gets_it_without_context_takeover(
    server: ChatServer,
) -> None:
    with dial(server.url("/ws/echo")) as socket:
        assert agreed(socket) == ACCEPTED
        for sent in ("", "x", LONG, LONG * 90, os.urandom(50_000), b"\0" * 65_536):
            socket.send(sent)
            assert socket.recv(20) == sent


def test_a_client_that_offers_none_gets_none(server: ChatServer) -> None:
    with dial(server.url("/ws/echo"), compression=None) as socket:
        assert agreed(socket) is None
        socket.send(LONG)
        assert socket.recv(20) == LONG


@pytest.mark.parametrize("bits", range(9, 16))
def test_the_client_may_have_any_window(server: ChatServer, bits: int) -> None:
    offer = ClientPerMessageDeflateFactory(client_max_window_bits=bits)
    with dial(server.url("/ws/echo"), compression=None, extensions=[offer]) as socket:
        assert agreed(socket) == ACCEPTED
        socket.send(LONG * 90)
        assert socket.recv(20) == LONG * 90


def test_a_small_window_of_the_server_is_declined_and_the_next_offer_taken(
    server: ChatServer,
) -> None:
    small = ClientPerMessageDeflateFactory(server_max_window_bits=10)
    with dial(server.url("/ws/echo"), compression=None, extensions=[small]) as socket:
        assert agreed(socket) is None
    with RawConnection(server.address) as connection:
        both = b"permessage-deflate; server_max_window_bits=10, permessage-deflate"
        response = connection.upgrade("/ws/echo", b"Sec-WebSocket-Extensions: " + both)
        assert response.fields["sec-websocket-extensions"] == ACCEPTED


def test_compression_can_be_switched_off(serve: Callable[..., ChatServer]) -> None:
    server = serve("--compression", "off")
    with dial(server.url("/ws/echo")) as socket:
        assert agreed(socket) is None
        socket.send(LONG)
        assert socket.recv(20) == LONG
    with RawConnection(server.address) as connection:
        connection.upgrade("/ws/echo", OFFER)
        connection.push(message(deflated(b"x")))
        assert connection.read_close() == 1002


# --- what is sent ---------------------------------------------------------------------------------


def test_who_takes_it_gets_the_same_as_who_does_not_in_fewer_bytes(
    raw: Callable[..., RawConnection],
) -> None:
    plain, compressing, another = raw(name="plain"), raw(OFFER, name="ann"), raw(OFFER, name="bob")
    plain.push(text(LONG))
    as_it_is, short, shared = map(read_message, (plain, compressing, another))
    assert (as_it_is.rsv, short.rsv) == (0, RSV1)
    assert inflated(short.payload) == as_it_is.payload
    assert len(short.payload) < len(as_it_is.payload) / 2
    assert shared == short


def test_a_message_under_256_bytes_is_not_compressed(raw: Callable[..., RawConnection]) -> None:
    echo = raw(OFFER)
    echo.push(text("a" * 255) + text("a" * 256))
    answers = [echo.read_frame(), echo.read_frame()]
    assert [frame.rsv for frame in answers if frame] == [0, RSV1]


def test_what_is_sent_compressed_is_understood_in_any_fragments(
    raw: Callable[..., RawConnection],
) -> None:
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


def test_history_and_presence_reach_who_takes_it_as_they_reach_others(
    server: ChatServer, join: Callable[..., Chatter]
) -> None:
    ann = join("ann")
    ann.arrive()
    for number in range(20):
        ann.say(f"{number} {LONG}")
    ann.first(is_message(f"19 {LONG.strip()}"))
    compressing, plain = join("bob"), join("bob", compression=None)
    assert agreed(compressing.socket)
    assert not agreed(plain.socket)
    first, second = compressing.arrive(), plain.arrive()
    assert [e["message"] for e in first[0]["history"][-20:]] == [
        e["message"] for e in second[0]["history"][-21:-1]
    ]
    assert first[-1]["users"] == second[-1]["users"]
    assert server.process.poll() is None


# --- what it costs --------------------------------------------------------------------------------


def test_bombs_cost_neither_memory_nor_time_and_nobody_notices(
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


def test_an_idle_connection_holds_no_more_than_one_without_compression(
    serve: Callable[..., ChatServer],
) -> None:
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

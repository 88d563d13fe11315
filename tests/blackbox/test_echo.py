"""The echo server: each message comes back as it came."""

import pytest

from tests.support.client import dial
from tests.support.frames import BINARY, CONTINUATION, TEXT, close, frame
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

ALSO_OVER_TLS = True

SETTINGS = ("--upgrade-rate", "0")


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        "",
        "{",
        "\x00\u202e\U0001f600",
        "x" * 65_536,
        b"",
        b"\x00\xff",
        bytes(range(256)) * 256,
    ],
    ids=lambda m: f"{type(m).__name__} of {len(m)}",
)
def test_a_message_comes_back_as_it_came(server: ChatServer, message: str | bytes) -> None:
    with dial(server.url("/ws/echo")) as socket:
        socket.send(message)
        assert socket.recv(20) == message


def test_many_messages_come_back_in_order(server: ChatServer) -> None:
    messages: list[str | bytes] = [
        f"{number}" * (number % 50) if number % 2 else bytes([number % 256]) * number
        for number in range(500)
    ]
    with dial(server.url("/ws/echo")) as socket:
        for message in messages:
            socket.send(message)
        assert [socket.recv(20) for _ in messages] == messages


def test_a_fragmented_message_comes_back_whole(server: ChatServer) -> None:
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(frame(BINARY, b"a", fin=False) + frame(CONTINUATION, b"b", fin=False))
        echo.push(frame(CONTINUATION, b"c"))
        taken = echo.read_frame()
        assert taken is not None
        payload, opcode = taken.payload, taken.opcode
        while not taken.fin:
            taken = echo.read_frame()
            assert taken is not None
            payload += taken.payload
        assert (opcode, payload) == (BINARY, b"abc")


def test_a_message_over_64_kib_is_too_big(server: ChatServer) -> None:
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(frame(TEXT, b"x" * 40_000, fin=False) + frame(CONTINUATION, b"x" * 30_000))
        assert echo.read_close() == 1009


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_good_close_is_answered_with_its_code(server: ChatServer, code: int) -> None:
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(close(code, b"bye"))
        assert echo.read_close() == code
        echo.read_end()


def test_a_close_without_a_code_is_answered(server: ChatServer) -> None:
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(close(None))
        assert echo.read_close() in {None, 1000}
        echo.read_end()


def test_the_echo_server_takes_no_name_and_tells_nobody(server: ChatServer) -> None:
    with dial(server.url("/ws/echo")) as one, dial(server.url("/ws/echo")) as other:
        one.send("only mine")
        assert one.recv(20) == "only mine"
        other.send("only theirs")
        assert other.recv(20) == "only theirs"

"""The echo server: each message comes back as it came."""

import pytest

from tests.support.client import dial
from tests.support.frames import close
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
def test_the_echo_server_returns_each_message(server: ChatServer, message: str | bytes) -> None:
    with dial(server.url("/ws/echo")) as socket:
        socket.send(message)
        assert socket.recv(20) == message


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_server_answers_a_valid_close_with_its_code(server: ChatServer, code: int) -> None:
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(close(code, b"bye"))
        assert echo.read_close() == code
        echo.read_end()

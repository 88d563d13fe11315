"""Two thousand connects at once from one address, and somebody who comes from another."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.support.raw import Address, RawConnection
from tests.support.requests import head, plain_head
from tests.support.server import ChatServer, running
from tests.support.waiting import PATIENCE_SECONDS, eventually

COUNT = 2000
CROWD, OTHER = "127.0.0.2", "127.0.0.1"

WITHIN_SECONDS = 1.0
"""In which the other one has to be served (issue 3)."""

Serve = Callable[[Address], None]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """As it is by default, limits of addresses included."""
    with running() as started:
        yield started


def get_a_page(address: Address) -> None:
    """Be served by HTTP."""
    with RawConnection(address, source=OTHER) as other:
        other.push(plain_head(b"/"))
        assert other.read_response().status == 200


def become_a_websocket(address: Address) -> None:
    """Be served by WebSocket: join the chat."""
    with RawConnection(address, source=OTHER) as other:
        other.upgrade()
        other.join("other")
        other.say_goodbye()


def connect_at_once(server: ChatServer, stack: ExitStack, first: bytes) -> list[socket.socket]:
    """Let the crowd knock, all before the first is let in, and then say something."""
    crowd = [stack.enter_context(socket.socket()) for _ in range(COUNT)]
    for each in crowd:
        each.bind((CROWD, 0))
        each.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    for each in crowd:
        with suppress(BlockingIOError):
            each.connect(server.address)
    for each in crowd:
        each.settimeout(PATIENCE_SECONDS)  # until it is connected
        each.sendall(first)
    return crowd


def answered(sock: socket.socket) -> bytes:
    """Wait for the first words of an answer."""
    sock.settimeout(PATIENCE_SECONDS)
    words = b""
    while len(words) < 12 and (more := sock.recv(12 - len(words))):
        words += more
    return words


@pytest.mark.parametrize(
    ("first", "status"),
    [(b"", 0), (head(), 429), (b"\0", 400)],
    ids=["who say nothing", "who want a WebSocket", "who send rubbish"],
)
@pytest.mark.parametrize("be_served", [get_a_page, become_a_websocket])
def test_another_address_is_served_within_a_second(
    server: ChatServer, be_served: Serve, first: bytes, status: int
) -> None:
    with ExitStack() as stack:
        crowd = connect_at_once(server, stack, first)
        began = time.monotonic()
        be_served(server.address)
        assert time.monotonic() - began < WITHIN_SECONDS
        if first:
            assert {answered(each) for each in crowd} <= {b"HTTP/1.1 101", b"HTTP/1.1 %d" % status}
        else:
            held = server.idle_open_files + COUNT
            eventually(lambda: server.open_files() >= held, "all of them are in")

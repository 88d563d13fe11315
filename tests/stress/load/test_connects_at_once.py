"""Two thousand connections at once from one address, and one client at another."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.support.raw import Address, RawConnection
from tests.support.requests import head, plain_head
from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS, eventually

COUNT = 2000
ATTACKERS, OTHER = "127.0.0.2", "127.0.0.1"

WITHIN_SECONDS = 1.0
"""The limit for serving the other client (issue 3)."""

Request = Callable[[Address], None]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server with default settings, limits per address included."""
    with ChatServer() as started:
        yield started


def get_a_page(address: Address) -> None:
    """Fetch a page."""
    with RawConnection(address, source=OTHER) as other:
        other.push(plain_head(b"/"))
        assert other.read_response().status == 200


def become_a_websocket(address: Address) -> None:
    """Join the chat."""
    with RawConnection(address, source=OTHER) as other:
        other.upgrade()
        other.join("other")
        other.say_goodbye()


def connect_at_once(server: ChatServer, stack: ExitStack, first: bytes) -> list[socket.socket]:
    """Connect all sockets before the server accepts the first, then send these bytes."""
    sockets = [stack.enter_context(socket.socket()) for _ in range(COUNT)]
    for each in sockets:
        each.bind((ATTACKERS, 0))
        each.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    for each in sockets:
        with suppress(BlockingIOError):
            each.connect(server.address)
    for each in sockets:
        each.settimeout(PATIENCE_SECONDS)  # until it is connected
        each.sendall(first)
    return sockets


def answered(sock: socket.socket) -> bytes:
    """Return the first 12 bytes of an answer."""
    sock.settimeout(PATIENCE_SECONDS)
    answer = b""
    while len(answer) < 12 and (more := sock.recv(12 - len(answer))):
        answer += more
    return answer


@pytest.mark.parametrize(
    ("first", "status"),
    [(b"", 0), (head(), 429), (b"\0", 400)],
    ids=["silent", "upgrades", "invalid bytes"],
)
@pytest.mark.parametrize("request_service", [get_a_page, become_a_websocket])
def test_another_address_is_served_within_a_second(
    server: ChatServer, request_service: Request, first: bytes, status: int
) -> None:
    with ExitStack() as stack:
        sockets = connect_at_once(server, stack, first)
        began = time.monotonic()
        request_service(server.address)
        assert time.monotonic() - began < WITHIN_SECONDS
        if first:
            assert {answered(each) for each in sockets} <= {
                b"HTTP/1.1 101",
                b"HTTP/1.1 %d" % status,
            }
        else:
            held = server.idle_open_files + COUNT
            eventually(lambda: server.open_files() >= held, "the server holds all connections")

"""What carries a WebSocket; sending and ending are held by the tests of who uses it."""

import socket
from collections.abc import Iterator

import pytest
import trio

from tests.websocket.wire import TIMEOUT_SECONDS, loopback_pair
from trio_chat.websocket.transport import SocketTransport


class Fickle(socket.socket):
    """A socket that is readable for nothing once."""

    disappointments = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Disappoint once."""
        if not self.disappointments:
            self.disappointments += 1
            raise BlockingIOError
        return super().recv(size, flags)


def never(_data: bytes, _now: float, _requests: object) -> bool:
    """Take nothing."""
    return False


@pytest.fixture
def ends() -> Iterator[tuple[Fickle, socket.socket]]:
    ours, peer = socket.socketpair()
    with Fickle(fileno=ours.detach()) as fickle, peer:
        fickle.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        yield fickle, peer


async def test_a_socket_that_was_readable_for_nothing_is_waited_for_again(
    ends: tuple[Fickle, socket.socket],
) -> None:
    fickle, peer = ends
    peer.send(b"x")
    with trio.fail_after(TIMEOUT_SECONDS):
        assert await SocketTransport(fickle).receive(never) == b"x"
    assert fickle.disappointments == 1


def test_a_delivery_calls_nothing_but_the_sockets_own_send(
    ends: tuple[Fickle, socket.socket],
) -> None:
    assert SocketTransport(ends[0]).sender is ends[0]


async def test_the_send_buffer_is_limited() -> None:
    stream, sock = await loopback_pair()
    async with stream:
        transport = SocketTransport(sock)
        transport.limit_send_buffer(10_000)
        # Linux counts its own bookkeeping in, and says so.
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 20_000
        await transport.aclose(reset=False)
        assert sock.fileno() == -1

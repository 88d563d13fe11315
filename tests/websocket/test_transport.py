"""What carries a WebSocket; sending and ending are held by the tests of who uses it."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import trio
import trio.testing

from tests.websocket.scene import StubHub
from tests.websocket.wire import TIMEOUT_SECONDS, loopback_pair
from trio_chat.websocket.transport import SocketTransport
from trio_chat.websocket.watch import Watch


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


@pytest.mark.parametrize("prompt", [True, False])
async def test_it_rests_at_the_watch_if_that_is_of_use_and_waits_for_itself_otherwise(
    ends: tuple[Fickle, socket.socket],
    prompt: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    sock, peer = ends
    watch = Watch(StubHub(prompt=prompt))
    with trio.fail_after(TIMEOUT_SECONDS), closing(watch):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(SocketTransport(sock, watch).receive, never)
            await trio.testing.wait_all_tasks_blocked()
            assert list(watch._resting) == ([sock.fileno()] if prompt else [])
            peer.send(b"x")
            if prompt:
                nursery.cancel_scope.cancel()  # nobody runs the watch


def test_it_receives_without_waiting_until_the_end(ends: tuple[Fickle, socket.socket]) -> None:
    fickle, peer = ends
    fickle.disappointments = 1
    transport = SocketTransport(fickle)
    assert transport.fileno() == fickle.fileno()
    assert not transport.has_pending
    with pytest.raises(BlockingIOError):
        transport.receive_nowait()
    peer.send(b"x")
    assert transport.receive_nowait() == b"x"
    peer.close()
    assert transport.receive_nowait() == b""


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

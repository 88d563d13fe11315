"""The socket transport; the tests of its users show sending and ending."""

import socket
from collections.abc import Iterator

import pytest

from trio_chat.websocket.transport import SocketTransport


class Fickle(socket.socket):
    """A socket that is readable for nothing once."""

    disappointments = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self.disappointments:
            self.disappointments += 1
            raise BlockingIOError
        return super().recv(size, flags)


@pytest.fixture
def ends() -> Iterator[tuple[Fickle, socket.socket]]:
    ours, peer = socket.socketpair()
    with Fickle(fileno=ours.detach()) as fickle, peer:
        fickle.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        yield fickle, peer


def test_transport_receives_without_blocking(ends: tuple[Fickle, socket.socket]) -> None:
    fickle, peer = ends
    transport = SocketTransport(fickle)
    assert transport.fileno() == fickle.fileno()
    assert not transport.has_pending
    for _ in range(2):  # it was readable for nothing, then nothing has come
        with pytest.raises(BlockingIOError):
            transport.receive(9)
    peer.send(b"x")
    assert transport.receive(9) == b"x"
    peer.close()
    assert transport.receive(9) == b""


def test_sender_is_the_socket_itself(ends: tuple[Fickle, socket.socket]) -> None:
    assert SocketTransport(ends[0]).sender is ends[0]

"""The proxy between a node and Redis works; otherwise a trial proves nothing."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.stress.cluster.link import Link
from tests.support.ports import HOST
from tests.support.waiting import PATIENCE_SECONDS

SILENCE_SECONDS = 0.2


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """The listener behind the proxy."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield listener


@pytest.fixture
def link(target: socket.socket) -> Iterator[Link]:
    """The proxy."""
    with closing(Link(target.getsockname()[1])) as made:
        yield made


def connect(link: Link) -> socket.socket:
    return socket.create_connection((HOST, link.port), PATIENCE_SECONDS)


def test_it_forwards_bytes_and_ends_both_ways(link: Link, target: socket.socket) -> None:
    with connect(link) as near:
        far, _ = target.accept()
        with far:
            near.sendall(b"one way")
            assert far.recv(100) == b"one way"
            far.sendall(b"and back")
            assert near.recv(100) == b"and back"
        assert near.recv(100) == b""


def test_a_cut_ends_open_and_new_connections_until_it_is_mended(
    link: Link, target: socket.socket
) -> None:
    with connect(link) as near:
        far, _ = target.accept()
        with far:
            link.cut()
            assert near.recv(100) == b""
            assert far.recv(100) == b""
    with connect(link) as near:
        assert near.recv(100) == b""
        target.accept()[0].close()
    link.mend()
    with connect(link) as near:
        near.sendall(b"again")
        far, _ = target.accept()
        with far:
            assert far.recv(100) == b"again"


def test_a_stall_delays_bytes_and_loses_none(link: Link, target: socket.socket) -> None:
    with connect(link) as near:
        far, _ = target.accept()
        with far:
            link.stall()
            near.sendall(b"late")
            far.settimeout(SILENCE_SECONDS)
            with pytest.raises(TimeoutError):
                far.recv(100)
            link.mend()
            far.settimeout(PATIENCE_SECONDS)
            assert far.recv(100) == b"late"


def test_it_closes_connections_while_the_service_is_down(link: Link, target: socket.socket) -> None:
    target.close()
    with connect(link) as near:
        assert near.recv(100) == b""

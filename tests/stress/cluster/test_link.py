"""The line between a node and Redis does what it is told, or a trial proves nothing."""

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
    """Where it leads."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield listener


@pytest.fixture
def link(target: socket.socket) -> Iterator[Link]:
    """One that leads there."""
    with closing(Link(target.getsockname()[1])) as made:
        yield made


def connect(link: Link) -> socket.socket:
    """Come to it."""
    return socket.create_connection((HOST, link.port), PATIENCE_SECONDS)


def test_it_passes_on_both_ways_and_tells_of_an_end(link: Link, target: socket.socket) -> None:
    with connect(link) as near:
        far, _ = target.accept()
        with far:
            near.sendall(b"there")
            assert far.recv(100) == b"there"
            far.sendall(b"and back")
            assert near.recv(100) == b"and back"
        assert near.recv(100) == b""


def test_one_that_is_cut_ends_what_is_open_and_what_comes_until_it_is_mended(
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


def test_one_that_stalls_holds_back_and_loses_nothing(link: Link, target: socket.socket) -> None:
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


def test_who_comes_while_nobody_is_there_is_sent_away(link: Link, target: socket.socket) -> None:
    target.close()
    with connect(link) as near:
        assert near.recv(100) == b""

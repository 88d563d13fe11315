"""Nodes with a chat of their own, and nginx in front of them."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import nginx
from tests.support.certificates import certificate_files
from tests.support.server import ChatServer

from .node import SETTINGS


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a test starts."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def node() -> Iterator[ChatServer]:
    """The node behind the proxies of the module."""
    with ChatServer(*SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(node: ChatServer) -> Iterator[nginx.Nginx]:
    """An nginx in front of the node."""
    with nginx.running([node.address]) as started:
        yield started


@pytest.fixture(scope="module")
def secure_proxy(
    node: ChatServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[nginx.Nginx]:
    """An nginx with TLS in front of the node."""
    files = certificate_files(tmp_path_factory.mktemp("tls"))
    with nginx.running([node.address], files) as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def _many_sockets() -> Iterator[None]:
    """Raise the soft limit of open files to the hard one, for a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

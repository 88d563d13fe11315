"""Nodes; the tests of a module share two."""

import secrets
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from attrs import define

from tests.blackbox.speaker import NO_LIMITS, Speaker
from tests.stress.cluster.link import Link
from tests.support.ports import HOST
from tests.support.postgres import Cluster
from tests.support.process import TRIO_CHAT
from tests.support.redis import Redis
from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS, eventually


@define(eq=False)
class Node:
    """A node and its connection to Redis.

    Attributes:
        server: The node.
        link: The proxy in front of Redis.
    """

    server: ChatServer
    link: Link

    def readiness(self) -> str:
        """Return the body of ``/readyz``."""
        host, port = self.server.address
        url = f"http://{host}:{port}/readyz"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return str(response.read().decode())

    def wait_until(self, text: str) -> None:
        """Wait until the body of ``/readyz`` is this text."""
        eventually(lambda: self.readiness() == text, f"/readyz is {text!r}")

    def wait_until_ready(self) -> None:
        """Wait until it receives the messages of the others."""
        self.wait_until("ready")

    def wait_until_degraded(self) -> None:
        """Wait until it notices that Redis is down."""
        self.wait_until("ready, degraded: backplane")


StartNode = Callable[..., Node]


@pytest.fixture(scope="module")
def start_node(cluster: Cluster, redis: Redis) -> Iterator[StartNode]:
    """Start a node of this module's chat."""
    store = cluster.fresh_url()
    channel = f"nodes-{secrets.token_hex(8)}"

    @contextmanager
    def run(program: Iterable[str]) -> Iterator[Node]:
        with closing(Link(redis.port)) as link:
            backplane = ("--backplane", f"redis://{HOST}:{link.port}")
            settings = ("--store", store, *backplane, "--backplane-channel", channel, *NO_LIMITS)
            with ChatServer(*settings, program=program) as server:
                node = Node(server, link)
                node.wait_until_ready()
                yield node

    with ExitStack() as stack:
        yield lambda program=TRIO_CHAT: stack.enter_context(run(program))


@pytest.fixture(scope="module")
def nodes(start_node: StartNode) -> tuple[Node, Node]:
    """Two nodes."""
    return start_node(), start_node()


@pytest.fixture
def connect() -> Iterator[Callable[..., Speaker]]:
    """Connect clients to a node; close them at the end."""
    with ExitStack() as stack:

        def connect_as(node: Node, name: str, *rooms: object, device: str | None = None) -> Speaker:
            client = Speaker(node.server.url(), name, *rooms, device=device)  # type: ignore[arg-type]
            stack.callback(client.leave)
            return client

        yield connect_as

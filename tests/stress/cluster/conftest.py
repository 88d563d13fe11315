"""Nodes, two of which a module shares."""

import secrets
import signal
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
    """A node and its line to Redis.

    Attributes:
        server: The node.
        link: The line.
    """

    server: ChatServer
    link: Link

    def says(self) -> str:
        """What ``/readyz`` says."""
        host, port = self.server.address
        url = f"http://{host}:{port}/readyz"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return str(response.read().decode())

    def wait_until_it_says(self, what: str) -> None:
        """Wait until ``/readyz`` says just this."""
        eventually(lambda: self.says() == what, f"/readyz says {what!r}, not {self.says()!r}")

    def wait_until_ready(self) -> None:
        """Wait until it hears the others."""
        self.wait_until_it_says("ready")

    def wait_until_degraded(self) -> None:
        """Wait until it knows that it hears nobody."""
        self.wait_until_it_says("ready, degraded: backplane")


StartNode = Callable[..., Node]


@pytest.fixture(scope="module")
def start_node(cluster: Cluster, redis: Redis) -> Iterator[StartNode]:
    """Start a node of the module's own chat."""
    store = cluster.fresh_url()
    channel = f"nodes-{secrets.token_hex(8)}"

    @contextmanager
    def run(program: Iterable[str]) -> Iterator[Node]:
        with closing(Link(redis.port)) as link:
            backplane = ("--backplane", f"redis://{HOST}:{link.port}")
            settings = ("--store", store, *backplane, "--backplane-channel", channel, *NO_LIMITS)
            server = ChatServer(*settings, program=program)
            try:
                node = Node(server, link)
                node.wait_until_ready()
                yield node
                if not server.over:
                    server.assert_healthy()
                    server.signal(signal.SIGTERM)
                    assert server.wait() == 0
                    server.assert_clean_log()
            finally:
                server.kill()

    with ExitStack() as stack:
        yield lambda program=TRIO_CHAT: stack.enter_context(run(program))


@pytest.fixture(scope="module")
def nodes(start_node: StartNode) -> tuple[Node, Node]:
    """Two of them."""
    return start_node(), start_node()


@pytest.fixture
def come() -> Iterator[Callable[..., Speaker]]:
    """Let people come to a node; at the end they close."""
    with ExitStack() as stack:

        def come_as(node: Node, name: str, *rooms: object, device: str | None = None) -> Speaker:
            somebody = Speaker(node.server.url(), name, *rooms, device=device)  # type: ignore[arg-type]
            stack.callback(somebody.leave)
            return somebody

        yield come_as

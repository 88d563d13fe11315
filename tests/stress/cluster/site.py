"""The installation under test: nodes behind nginx, a store in PostgreSQL, and Redis."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import trio
from attrs import define

from tests.stress.cluster.link import Link
from tests.stress.torture.server import Victim, fetch
from tests.support import nginx
from tests.support.nginx import Nginx
from tests.support.ports import HOST
from tests.support.postgres import Cluster
from tests.support.process import TRIO_CHAT
from tests.support.redis import Redis

NODES = 3

POLL_SECONDS = 0.1

REPLACED = "store history replaced"
"""The log event of a node that has noticed an older copy."""

# The PostgreSQL of the tests allows 50 connections, of which the trial needs some.
SETTINGS = ("--store-pool-size=5", "--store-pool-overflow=5", f"--trusted-proxy={HOST}")


@define(eq=False)
class Node:
    """A node, and its connection to Redis.

    Attributes:
        victim: The server.
        link: The proxy in front of Redis.
        stderr: The file of all its log lines.
        life: The number of times it has been started.
    """

    victim: Victim
    link: Link
    stderr: Path
    life: int = 0

    async def start(self) -> None:
        """Start it, and wait until it serves."""
        await self.victim.start()
        self.life += 1

    def count_lines(self, event: str) -> int:
        """Return how many log lines contain this event."""
        return self.stderr.read_text(errors="replace").count(event)

    def left_epochs(self) -> set[str]:
        """Return the epochs of the store that it has left, by its log lines."""
        whole, _, _ = self.stderr.read_text(errors="replace").rpartition("\n")
        return {json.loads(line)["old"] for line in whole.splitlines() if REPLACED in line}

    async def readiness(self) -> str:
        """Return the body of ``/readyz``; empty without an answer."""
        try:
            return (await fetch(self.victim.port, "/readyz"))[1]
        except OSError:
            return ""

    async def reports(self, wanted: str, seconds: float) -> bool:
        """Wait until ``/readyz`` begins or ends with this text; return False if it never does."""
        with trio.move_on_after(seconds):
            while True:
                text = await self.readiness()
                if text.startswith(wanted) or text.endswith(wanted):
                    return True
                await trio.sleep(POLL_SECONDS)
        return False


@define(eq=False)
class Site:
    """The nodes of a trial and their services.

    Attributes:
        postgres: Holds the store.
        redis: Connects the nodes.
        nginx: The load balancer.
        nodes: All nodes.
        store: The value of `--store`.
        channel: The value of `--backplane-channel`.
    """

    postgres: Cluster
    redis: Redis
    nginx: Nginx
    nodes: list[Node]
    store: str
    channel: str

    def stray(self, name: str, store: str, channel: str) -> Node:
        """Return a node, not yet started, with another store or channel.

        Args:
            name: The name of the file for its log lines.
            store: Its `--store`.
            channel: Its `--backplane-channel`.
        """
        link = Link(self.redis.port)
        return _node(self.nodes[0].stderr.with_name(name), link, store, channel, TRIO_CHAT)

    async def start(self) -> None:
        """Start all nodes at once."""
        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(node.start)

    async def stop(self) -> list[int]:
        """Stop all nodes at once with SIGTERM, and return their exit statuses."""
        statuses = []

        async def stop(node: Node) -> None:
            statuses.append(await node.victim.stop())

        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(stop, node)
        return statuses

    def complaints(self) -> list[str]:
        """Return the tracebacks in the log lines."""
        return [
            f"{node.stderr.name}: a traceback: … {text[text.index('Traceback') :][:1000]}"
            for node in self.nodes
            if "Traceback" in (text := node.stderr.read_text(errors="replace"))
        ]


@asynccontextmanager
async def built(
    postgres: Cluster, redis: Redis, folder: Path, program: Iterable[str] = TRIO_CHAT
) -> AsyncIterator[Site]:
    """Yield nodes that are not yet started; kill them at the end.

    Args:
        postgres: Receives a new database.
        redis: Receives a new channel.
        folder: Receives the log lines of the nodes.
        program: The arguments of Python.
    """
    store = postgres.fresh_url()
    channel = f"trial-{secrets.token_hex(8)}"
    nodes: list[Node] = []
    async with AsyncExitStack() as stack:
        for number in range(1, NODES + 1):
            link = stack.enter_context(closing(Link(redis.port)))
            nodes.append(_node(folder / f"node{number}", link, store, channel, program))
            stack.push_async_callback(_kill, nodes[-1].victim)
        addresses = [(HOST, node.victim.port) for node in nodes]
        front = stack.enter_context(nginx.running(addresses))
        yield Site(postgres, redis, front, nodes, store, channel)


def _node(stderr: Path, link: Link, store: str, channel: str, program: Iterable[str]) -> Node:
    backplane = f"--backplane=redis://{HOST}:{link.port}"
    settings = (*SETTINGS, backplane, f"--backplane-channel={channel}")
    return Node(Victim(store, stderr, program, settings), link, stderr)


async def _kill(victim: Victim) -> None:
    with trio.CancelScope(shield=True):
        await victim.kill()

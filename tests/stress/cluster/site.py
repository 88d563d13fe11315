"""All that there is: nodes behind nginx, their store in PostgreSQL, and Redis between them."""

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
"""The line of a node that has noticed an older copy."""

# The tests' PostgreSQL allows 50 connections in all, and it is not only nodes who look into it.
SETTINGS = ("--store-pool-size=5", "--store-pool-overflow=5", f"--trusted-proxy={HOST}")


@define(eq=False)
class Node:
    """A node, and its line to Redis.

    Attributes:
        victim: The server.
        link: The line.
        stderr: What it has written, in all its lives.
        life: Which of its lives this is; 0 before it has been started.
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
        """How many lines it has written that have this in them."""
        return self.stderr.read_text(errors="replace").count(event)

    def left_epochs(self) -> set[str]:
        """Which histories of the database it has left, as its lines say."""
        whole, _, _ = self.stderr.read_text(errors="replace").rpartition("\n")
        return {json.loads(line)["old"] for line in whole.splitlines() if REPLACED in line}

    async def readiness(self) -> str:
        """What ``/readyz`` says; empty if nobody answers."""
        try:
            return (await fetch(self.victim.port, "/readyz"))[1]
        except OSError:
            return ""

    async def comes_to(self, wanted: str, seconds: float) -> bool:
        """Wait until ``/readyz`` says something that ends or begins so; False if it never does."""
        with trio.move_on_after(seconds):
            while True:
                said = await self.readiness()
                if said.startswith(wanted) or said.endswith(wanted):
                    return True
                await trio.sleep(POLL_SECONDS)
        return False


@define(eq=False)
class Site:
    """What a trial is made on.

    Attributes:
        postgres: Has the store.
        redis: Is between the nodes.
        nginx: In front of them.
        nodes: All of them.
        store: Their `--store`.
        channel: Their `--backplane-channel`.
    """

    postgres: Cluster
    redis: Redis
    nginx: Nginx
    nodes: list[Node]
    store: str
    channel: str

    def stray(self, name: str, store: str, channel: str) -> Node:
        """Have a node, not started yet, that belongs to another chat, or means to belong to ours.

        Args:
            name: Of the file that gets its lines.
            store: Its `--store`.
            channel: Its channel.
        """
        link = Link(self.redis.port)
        return _node(self.nodes[0].stderr.with_name(name), link, store, channel, TRIO_CHAT)

    async def start(self) -> None:
        """Start all nodes at the same time."""
        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(node.start)

    async def stop(self) -> list[int]:
        """End all nodes at the same time as an operator does, and give their exit statuses."""
        statuses = []

        async def stop(node: Node) -> None:
            statuses.append(await node.victim.stop())

        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(stop, node)
        return statuses

    def complaints(self) -> list[str]:
        """What nodes have written that no node should write."""
        return [
            f"{node.stderr.name}: a traceback: … {text[text.index('Traceback') :][:1000]}"
            for node in self.nodes
            if "Traceback" in (text := node.stderr.read_text(errors="replace"))
        ]


@asynccontextmanager
async def built(
    postgres: Cluster, redis: Redis, folder: Path, program: Iterable[str] = TRIO_CHAT
) -> AsyncIterator[Site]:
    """Have nodes that are not started yet; at the end they are killed, if they still live.

    Args:
        postgres: Gets a fresh database.
        redis: Gets a channel of its own.
        folder: Gets the lines of the nodes.
        program: What Python runs.
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

"""Checks that must hold during an outage."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.stress.cluster.site import Node
from tests.stress.torture.participant import Participant
from tests.stress.torture.wire import Ended, open_wire

ROOM = "general"

NOTICE_SECONDS = 30.0
"""The limit for a node to notice an outage, which takes a few seconds, on a shared machine."""

_NUMBERS = itertools.count(1)


@asynccontextmanager
async def participant(node: Node) -> AsyncIterator[Participant]:
    """Yield a new user in the room, connected directly to this node."""
    wire = await open_wire(node.victim.port)
    try:
        joined = Participant(wire, f"probe{next(_NUMBERS)}", ROOM)
        await joined.join()
        yield joined
    finally:
        wire.cut()


async def serves_its_clients(node: Node) -> str | None:
    """Check that two clients of a node reach each other.

    Returns:
        The fault, in words; None without one.
    """
    life = node.life
    try:
        async with participant(node) as ann, participant(node) as bob:
            answer = await bob.send("hello")
            if answer["type"] != "ack":
                return f"{node.stderr.name}: {answer}"
            await ann.receive_until("message", username=bob.name)
    except (Ended, OSError, trio.TooSlowError) as error:
        if node.life == life:
            return f"{node.stderr.name}: its clients do not reach each other: {error!r}"
    return None


async def continues_alone(node: Node) -> str | None:
    """Check that a node without Redis reports it and serves its own clients.

    Returns:
        The fault, in words; None without one.
    """
    if not await node.reports("degraded: backplane", NOTICE_SECONDS):
        return f"{node.stderr.name}: without Redis it says {await node.readiness()!r}"
    return await serves_its_clients(node)


async def reports_store_outage(node: Node, client: Participant) -> str | None:
    """Check that a node without PostgreSQL reports it to load balancers and to a client.

    Returns:
        The fault, in words; None without one.
    """
    if not await node.reports("the store is unreachable", NOTICE_SECONDS):
        return f"{node.stderr.name}: without PostgreSQL it says {await node.readiness()!r}"
    answer = await client.send("hello?")
    if (answer["type"], answer.get("code")) != ("error", "unavailable"):
        return f"{node.stderr.name}: without PostgreSQL {answer}"
    return None

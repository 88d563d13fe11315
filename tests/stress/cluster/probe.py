"""What has to hold while something is out of reach."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.stress.cluster.site import Node
from tests.stress.torture.somebody import Somebody
from tests.stress.torture.wire import Ended, open_wire

ROOM = "general"

NOTICE_SECONDS = 30.0
"""A node is to notice within a few seconds what it cannot reach; this one shares its machine."""

_NUMBERS = itertools.count(1)


@asynccontextmanager
async def somebody(node: Node) -> AsyncIterator[Somebody]:
    """Somebody new, who has come to this very node and is in the room."""
    wire = await open_wire(node.victim.port)
    try:
        one = Somebody(wire, f"probe{next(_NUMBERS)}", ROOM)
        await one.join()
        yield one
    finally:
        wire.cut()


async def serves_its_own(node: Node) -> str | None:
    """See whether two clients of a node reach each other.

    Returns:
        What is wrong, if anything is.
    """
    life = node.life
    try:
        async with somebody(node) as ann, somebody(node) as bob:
            answer = await bob.say("hello")
            if answer["type"] != "ack":
                return f"{node.stderr.name}: {answer}"
            await ann.until("message", username=bob.name)
    except (Ended, OSError, trio.TooSlowError) as error:
        if node.life == life:
            return f"{node.stderr.name}: its own clients do not reach each other: {error!r}"
    return None


async def goes_on_alone(node: Node) -> str | None:
    """See whether a node without Redis says so, and serves its own clients.

    Returns:
        What is wrong, if anything is.
    """
    if not await node.comes_to("degraded: backplane", NOTICE_SECONDS):
        return f"{node.stderr.name}: without Redis it says {await node.readiness()!r}"
    return await serves_its_own(node)


async def says_that_it_has_no_log(node: Node, one: Somebody) -> str | None:
    """See whether a node without PostgreSQL says so, to load balancers and to somebody on it.

    Returns:
        What is wrong, if anything is.
    """
    if not await node.comes_to("the store is unreachable", NOTICE_SECONDS):
        return f"{node.stderr.name}: without PostgreSQL it says {await node.readiness()!r}"
    answer = await one.say("hello?")
    if (answer["type"], answer.get("code")) != ("error", "unavailable"):
        return f"{node.stderr.name}: without PostgreSQL {answer}"
    return None

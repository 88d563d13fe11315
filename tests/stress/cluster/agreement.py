"""Whether, when all is calm again, the nodes are well and say the same."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import trio

from tests.stress.cluster.site import Site
from tests.stress.torture.client import Client
from tests.stress.torture.database import events_of
from tests.stress.torture.server import fetch
from tests.stress.torture.somebody import Somebody
from tests.stress.torture.wire import Ended, open_wire

POLL_SECONDS = 0.5

StreamPosition = tuple[frozenset[str], int]
"""Of a room: who is in it, and its head."""


async def disagreements(
    site: Site, clients: Sequence[Client], patience_seconds: float
) -> list[str]:
    """Give what is wrong, in words.

    Args:
        site: All of it is to be there and well.
        clients: Those who are connected, and say nothing.
        patience_seconds: How long it may take until it is as it should be.
    """
    wrong = []
    for node in site.nodes:
        name = node.stderr.name
        if node.victim.has_ended:
            wrong.append(f"{name} has ended by itself")
        elif not await node.comes_to("ready", patience_seconds):
            wrong.append(f"{name} says {await node.readiness()!r}")
        else:
            status, text = await fetch(node.victim.port, "/metrics")
            if status != 200 or "trio_chat" not in text:
                wrong.append(f"{name}: its metrics are {status}: {text[:100]}")
    return wrong or await _different_stands(site, clients, patience_seconds)


async def _different_stands(
    site: Site, clients: Sequence[Client], patience_seconds: float
) -> list[str]:
    """Let somebody come to each node, and compare what they see, until it is as it should be."""
    observers = [
        Somebody(await open_wire(node.victim.port), f"observer{number}")
        for number, node in enumerate(site.nodes)
    ]
    wrong = ["the observers have seen nothing"]
    try:
        for observer in observers:
            await observer.join()
        users = _expected(clients, [observer.name for observer in observers])
        with trio.move_on_after(patience_seconds):
            while wrong := await _compare(site, observers, users):  # noqa: ASYNC110 - other processes
                await trio.sleep(POLL_SECONDS)
    except (Ended, trio.TooSlowError) as error:
        wrong.append(f"an observer could not go on: {error!r}")
    finally:
        for observer in observers:
            observer.wire.cut()
    return wrong


def _expected(clients: Sequence[Client], observers: Sequence[str]) -> dict[str, frozenset[str]]:
    rooms = {room for client in clients for room in client.records}
    return {
        room: frozenset(client.name for client in clients if room in client.records).union(
            observers
        )
        for room in rooms
    }


async def _compare(
    site: Site, observers: Sequence[Somebody], users: Mapping[str, frozenset[str]]
) -> list[str]:
    positions = [await _look(observer, users) for observer in observers]
    database = await trio.to_thread.run_sync(partial(events_of, site.store))
    wrong = []
    for node, seen in zip(site.nodes, positions, strict=True):
        for room, (there, head) in seen.items():
            where = f"{node.stderr.name}: {room}"
            if there != users[room]:
                ghosts, missing = sorted(there - users[room]), sorted(users[room] - there)
                wrong.append(f"{where}: ghosts {ghosts}, missing {missing}")
            if head != len(database[room]):
                wrong.append(f"{where}: the head is {head}, not {len(database[room])}")
    return wrong


async def _look(observer: Somebody, rooms: Mapping[str, Any]) -> dict[str, StreamPosition]:
    positions = {}
    for room in sorted(rooms):
        ref = f"look-{room}"
        await observer.wire.send({"type": "join", "room": room, "ref": ref})
        joined = await observer.until("joined", ref=ref)
        positions[room] = frozenset(joined["users"]), joined["head"]
    return positions

"""Checks that after the faults all nodes are healthy and agree with each other."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import trio

from tests.stress.cluster.site import Site
from tests.stress.torture.client import Client
from tests.stress.torture.database import events_of
from tests.stress.torture.participant import Participant
from tests.stress.torture.server import fetch
from tests.stress.torture.wire import Ended, open_wire

POLL_SECONDS = 0.5

RoomState = tuple[frozenset[str], int]
"""The members of a room, and its head."""


async def disagreements(
    site: Site, clients: Sequence[Client], patience_seconds: float
) -> list[str]:
    """Return all faults, in words.

    Args:
        site: The site, with all services running.
        clients: The connected clients, which send nothing.
        patience_seconds: The limit until all nodes agree.
    """
    wrong = []
    for node in site.nodes:
        name = node.stderr.name
        if node.victim.has_ended:
            wrong.append(f"{name} has ended unexpectedly")
        elif not await node.reports("ready", patience_seconds):
            wrong.append(f"{name} says {await node.readiness()!r}")
        else:
            status, text = await fetch(node.victim.port, "/metrics")
            if status != 200 or "trio_chat" not in text:
                wrong.append(f"{name}: its metrics are {status}: {text[:100]}")
    return wrong or await _differences(site, clients, patience_seconds)


async def _differences(site: Site, clients: Sequence[Client], patience_seconds: float) -> list[str]:
    """Join each node as an observer, and compare their views until they are right."""
    observers = [
        Participant(await open_wire(node.victim.port), f"observer{number}")
        for number, node in enumerate(site.nodes)
    ]
    wrong = ["no observer has joined"]
    try:
        for observer in observers:
            await observer.join()
        users = _expected(clients, [observer.name for observer in observers])
        with trio.move_on_after(patience_seconds):
            while wrong := await _compare(site, observers, users):  # noqa: ASYNC110 - other processes
                await trio.sleep(POLL_SECONDS)
    except (Ended, trio.TooSlowError) as error:
        wrong.append(f"an observer failed: {error!r}")
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
    site: Site, observers: Sequence[Participant], users: Mapping[str, frozenset[str]]
) -> list[str]:
    states = [await _look(observer, users) for observer in observers]
    database = await trio.to_thread.run_sync(partial(events_of, site.store))
    wrong = []
    for node, seen in zip(site.nodes, states, strict=True):
        for room, (members, head) in seen.items():
            where = f"{node.stderr.name}: {room}"
            if members != users[room]:
                ghosts, missing = sorted(members - users[room]), sorted(users[room] - members)
                wrong.append(f"{where}: ghosts {ghosts}, missing {missing}")
            if head != len(database[room]):
                wrong.append(f"{where}: the head is {head}, not {len(database[room])}")
    return wrong


async def _look(observer: Participant, rooms: Mapping[str, Any]) -> dict[str, RoomState]:
    states = {}
    for room in sorted(rooms):
        ref = f"look-{room}"
        await observer.wire.send({"type": "join", "room": room, "ref": ref})
        joined = await observer.receive_until("joined", ref=ref)
        states[room] = frozenset(joined["users"]), joined["head"]
    return states

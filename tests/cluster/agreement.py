"""Whether, when all is calm again, the nodes are well and say the same."""

from collections.abc import Sequence
from functools import partial

import trio

from tests.cluster.site import Site
from tests.torture.client import Client
from tests.torture.database import events_of
from tests.torture.server import fetch
from tests.torture.somebody import Somebody
from tests.torture.wire import Ended, open_wire

POLL_SECONDS = 0.5


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
        rooms = sorted({room for client in clients for room in client.records})
        with trio.move_on_after(patience_seconds):
            while wrong := await _compare(site, observers, rooms):  # noqa: ASYNC110 - other processes
                await trio.sleep(POLL_SECONDS)
    except (Ended, trio.TooSlowError) as error:
        wrong.append(f"an observer could not go on: {error!r}")
    finally:
        for observer in observers:
            observer.wire.cut()
    return wrong


async def _compare(site: Site, observers: Sequence[Somebody], rooms: Sequence[str]) -> list[str]:
    stands = [await _look(observer, rooms) for observer in observers]
    database = await trio.to_thread.run_sync(partial(events_of, site.log))
    wrong = []
    for node, seen in zip(site.nodes, stands, strict=True):
        for room, head in seen.items():
            if head != len(database[room]):
                wrong.append(
                    f"{node.stderr.name}: {room}: the head is {head}, not {len(database[room])}"
                )
    return wrong


async def _look(observer: Somebody, rooms: Sequence[str]) -> dict[str, int]:
    heads: dict[str, int] = {}
    for room in rooms:
        ref = f"look-{room}"
        await observer.wire.send({"type": "join", "room": room, "ref": ref})
        joined = await observer.until("joined", ref=ref)
        heads[room] = joined["head"]
    return heads

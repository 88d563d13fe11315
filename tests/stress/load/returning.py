"""All clients return after a restart, to rooms that the new process has not read yet.

The load test and the benchmark call `return_all`.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import trio
from attrs import frozen

from tests.bench.process import cpu_seconds
from tests.stress.load.bystander import Figures, bystander
from tests.stress.load.returners import room_name
from tests.support.server import ChatServer
from trio_chat.protocol.events import Author, Draft
from trio_chat.store.sql.opened import open_sql_store

SPREAD_SECONDS = 10.0
"""The time in which all clients begin to reconnect."""

EVENTS = 60
MISSED = 10
"""The number of events of a room that each client has missed."""

SETTINGS = ("--message-rate", "0")
"""The bystander sends more than a person types. All other limits are the defaults."""

PROCESSES = 2
TEAM = 20
NOW_MS = 1_700_000_000_000


def fill(url: str, rooms: int) -> str:
    """Store messages in each room, and return the epoch of the store."""

    async def store() -> str:
        async with open_sql_store(url) as store:
            for number in range(rooms):
                room = room_name(number, rooms)
                await store.append(
                    [
                        Draft(f"{room}-{at}", room, "ann", f"line {at}", NOW_MS, author=ANN)
                        for at in range(EVENTS)
                    ]
                )
            return store.epoch

    return trio.run(store)


ANN = Author("ann", "d-ann")


@contextmanager
def start_clients(server: ChatServer, count: int, rooms: int, epoch: str) -> Iterator[list[Any]]:
    """Start the processes of the clients, which wait for a line of input."""
    known = (str(SPREAD_SECONDS), str(rooms), str(EVENTS - MISSED), epoch)
    with ExitStack() as stack:
        processes = []
        for first in range(PROCESSES):
            share = map(str, (*server.address, first, PROCESSES, count, *known))
            command = [sys.executable, "-m", "tests.stress.load.returners", *share]
            process = stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            )
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout.readline() == "ready\n"  # type: ignore[union-attr]
        yield processes


@frozen
class Returned:
    """The result.

    Attributes:
        took: Seconds from connecting to joined, of each client.
        failed: All failures, in words.
        last: Seconds from the first connection until the last client had joined.
        server_us: Processor time of the server for each client.
        bystander: The figures of a client that was there before.
    """

    took: list[float]
    failed: list[str]
    last: float
    server_us: float
    bystander: Figures


def return_all(count: int, rooms: int, url: str) -> Returned:
    """Start a server on a store with events, and let clients return to it.

    Args:
        count: The number of clients.
        rooms: The number of rooms.
        url: A new store.
    """
    epoch = fill(url, rooms)
    with (
        ChatServer(*SETTINGS, "--store", url, "--max-connections", str(count + 100)) as server,
        start_clients(server, count, rooms, epoch) as processes,
        bystander(server, f"{count} return to {rooms} rooms") as figures,
    ):
        before = cpu_seconds(server.pid)
        for process in processes:
            process.stdin.write("go\n")
        results = [json.loads(process.stdout.readline()) for process in processes]
        used = cpu_seconds(server.pid) - before
        for process in processes:
            process.kill()
    took = [seconds for each in results for seconds in each["took"]]
    failed = [fault for each in results for fault in each["failed"]]
    last = max(each["last"] for each in results)
    p95 = statistics.quantiles(took, n=20)[18]
    sys.stderr.write(
        f"  last in after {last:.1f} s; a join p50 {statistics.median(took) * 1000:.0f}, "
        f"p95 {p95 * 1000:.0f} ms; CPU: server {used:.1f} s ({used / count * 1e6:.0f} us each), "
        f"clients {sum(each['cpu'] for each in results):.1f} s; failed: {sorted(set(failed))}\n"
    )
    return Returned(took, failed, last, used / count * 1e6, figures)

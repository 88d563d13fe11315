"""Everybody comes back after a restart, into rooms that the new process has not read yet.

`come_back` lets them, and says how it went: for the test, and for the bench.
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
from tests.support.server import ChatServer, running
from trio_chat.protocol.events import Author, Draft
from trio_chat.store.sql.opened import open_sql_store

SPREAD_SECONDS = 10.0
"""In which all begin to come back."""

EVENTS = 60
MISSED = 10
"""Of a room's events, those that each client has not seen."""

SETTINGS = ("--message-rate", "0")
"""The bystander sends more than a person types. All other limits are the defaults."""

PROCESSES = 2
TEAM = 20
NOW_MS = 1_700_000_000_000


def fill(url: str, rooms: int) -> str:
    """Store a conversation in each room; returns the epoch of the store."""

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
def crowd(server: ChatServer, count: int, rooms: int, epoch: str) -> Iterator[list[Any]]:
    """Start the processes of the clients, which wait for a line."""
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
    """How it went.

    Attributes:
        took: Seconds from connecting until in, of each client that is in.
        failed: What went wrong.
        last: Seconds from the first to begin until the last was in.
        server_us: Processor time of the server for each client.
        bystander: What somebody saw who was there already.
    """

    took: list[float]
    failed: list[str]
    last: float
    server_us: float
    bystander: Figures


def come_back(count: int, rooms: int, url: str) -> Returned:
    """Start a server on a store with a past, and let clients come back to it.

    Args:
        count: How many clients.
        rooms: In how many rooms they are.
        url: Of a new store.
    """
    epoch = fill(url, rooms)
    with (
        running(*SETTINGS, "--store", url, "--max-connections", str(count + 100)) as server,
        crowd(server, count, rooms, epoch) as processes,
        bystander(server, f"{count} return to {rooms} rooms") as figures,
    ):
        before = cpu_seconds(server.pid)
        for process in processes:
            process.stdin.write("go\n")
        seen = [json.loads(process.stdout.readline()) for process in processes]
        used = cpu_seconds(server.pid) - before
        for process in processes:
            process.kill()
    took = [seconds for each in seen for seconds in each["took"]]
    failed = [why for each in seen for why in each["failed"]]
    last = max(each["last"] for each in seen)
    p95 = statistics.quantiles(took, n=20)[18]
    sys.stderr.write(
        f"  last in after {last:.1f} s; a join p50 {statistics.median(took) * 1000:.0f}, "
        f"p95 {p95 * 1000:.0f} ms; CPU: server {used:.1f} s ({used / count * 1e6:.0f} us each), "
        f"clients {sum(each['cpu'] for each in seen):.1f} s; failed: {sorted(set(failed))}\n"
    )
    return Returned(took, failed, last, used / count * 1e6, figures)

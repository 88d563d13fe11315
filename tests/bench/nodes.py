"""Measures the cost of several nodes: ``python -m tests.bench.nodes --help``.

The same load runs on a single node, on one with a backplane, and on three, with one PostgreSQL and
one Redis. All parts share the machine, including the load generator. So the result is the processor
time of each part for a message, not the number of messages.

A second table has the time that Redis adds to one message (`tests.bench.hearing`). With
``--against`` it also has an older checkout, in the same rounds.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.bench.hearing import WAY_LEGEND, Way, compared, hearing
from tests.bench.joining import BY_NAME, IN_OWN_ROOM, Address, Greeting, join
from tests.bench.load import TAIL_BYTES, Client, LoadError, Room
from tests.bench.machine import machine, markdown
from tests.bench.measures import JOIN_SECONDS, allow_many_files
from tests.bench.process import cpu_seconds, machine_seconds
from tests.bench.starting import REPOSITORY, Running, ServerError, running
from tests.support import postgres, redis

MEMBERS: Final = 60
SENDERS: Final = 12
PER_SECOND: Final = 60.0
"""Well below the limit of the machine with three nodes: latency must not include a queue."""

ACK_SENDERS: Final = 48

PAIRS: Final = 5
"""Parts of a window in which nodes with Redis and a node without alternate: their difference is
small beside the noise."""

TABLE: Final = Path("explanation", "nodes-table.md")

HEAD: Final = (
    "load",
    "nodes",
    "messages/s",
    "busiest µs",
    "nodes µs",
    "Redis µs",
    "PostgreSQL µs",
    "same p50/p99 ms",
    "across p50/p99 ms",
    "others",
    "wrong",
)

LEGEND: Final = f"""\
Medians over the rounds. *Room*: {MEMBERS} members, spread evenly over the nodes; {SENDERS} of them
send {PER_SECOND:g} messages a second together. The node stores each message, then delivers it.
*Own rooms*: {ACK_SENDERS} senders, each alone in a room, each send the next message after the `ack`
of the last. Processor time is for a message, all threads, user and system: of the *busiest* node,
of all *nodes* together, of Redis and of PostgreSQL. Latency runs from sending to the generator's
reading, for members on the sender's node (*same*) and on another one (*across*)."""

_STAMPS: Final = re.compile(rb"@all\|(\d{16})@s(\d\d)\|")
_STAMPED_BYTES: Final = len(b"@all|0000000000000000@s00|")


@dataclass(frozen=True, slots=True)
class Setup:
    """The number of nodes, whether they have a backplane, and their checkout."""

    label: str
    nodes: int
    has_backplane: bool
    folder: Path = REPOSITORY


SETUPS: Final = (
    Setup("1 node, `local:`", 1, has_backplane=False),
    Setup("1 node, Redis", 1, has_backplane=True),
    Setup("3 nodes, Redis", 3, has_backplane=True),
)


@dataclass(slots=True)
class Parts:
    """Processor time of each part, in seconds."""

    nodes: list[float]
    redis: float
    postgresql: float

    def since(self, before: "Parts") -> "Parts":
        """Return the time used since an earlier reading."""
        nodes = [now - then for now, then in zip(self.nodes, before.nodes, strict=True)]
        return Parts(nodes, self.redis - before.redis, self.postgresql - before.postgresql)

    def total(self) -> float:
        """Return the time of all parts together."""
        return sum(self.nodes) + self.redis + self.postgresql


@dataclass(frozen=True, slots=True)
class Row:
    """One row of results: processor time of a message in microseconds, latency in milliseconds."""

    per_second: float
    busiest_us: float
    nodes_us: float
    redis_us: float
    postgresql_us: float
    others_share: float
    same_ms: tuple[float, float] | None = None
    across_ms: tuple[float, float] | None = None
    wrong: int = 0


class Listener:
    """Records the age of the messages at one member, by the node of the sender.

    Args:
        node: The number of the member's node.
        node_of: Returns the node of a sender.
        same: Receives the ages of messages from this node, in microseconds.
        across: Receives the ages of messages from other nodes.
    """

    def __init__(
        self, node: int, node_of: Callable[[int], int], same: list[int], across: list[int]
    ) -> None:
        self._node = node
        self._node_of = node_of
        self._same = same
        self._across = across
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        """Record the age of each message."""
        now_us = time.monotonic_ns() // 1000
        fresh = self._rest + data[TAIL_BYTES:]
        end = 0
        for match in _STAMPS.finditer(fresh):
            ages = self._same if self._node_of(int(match[2])) == self._node else self._across
            ages.append(now_us - int(match[1]))
            end = match.end()
        self._rest = fresh[max(end, len(fresh) - _STAMPED_BYTES + 1) :]


@dataclass(slots=True)
class Site:
    """Running nodes, with their Redis and PostgreSQL."""

    nodes: list[Running]
    redis_pid: int
    postgresql_pid: int
    _same: list[int] = field(default_factory=list)
    _across: list[int] = field(default_factory=list)

    def parts(self) -> Parts:
        """Return the processor time of each part so far."""
        return Parts(
            [cpu_seconds(node.pid) for node in self.nodes],
            cpu_seconds(self.redis_pid),
            cpu_seconds(self.postgresql_pid),
        )

    def in_a_room(self, seconds: float) -> Row:
        """Measure all members in one room, at a fixed rate."""
        with Room(lambda: self.parts().total()) as room:
            clients = self._joined(room, MEMBERS, BY_NAME)
            room.appoint(SENDERS, 0)
            nodes = [number % len(self.nodes) for number in range(MEMBERS)]
            senders = [number * MEMBERS // SENDERS for number in range(SENDERS)]
            for number, client in enumerate(clients):
                listener = Listener(
                    nodes[number], lambda one: nodes[senders[one]], self._same, self._across
                )
                client.watchers += (listener,)
            room.fixed_rate(PER_SECOND, 0.5, 0.5)
            self._same.clear()
            self._across.clear()
            row = self._watched(
                lambda: room.fixed_rate(PER_SECOND, 0, seconds).deliveries / MEMBERS
            )
            wrong = room.settle()
        same, across = _percentiles(self._same), _percentiles(self._across)
        return replace(row, same_ms=same, across_ms=across, wrong=wrong)

    def acknowledged(self, seconds: float, senders: int = ACK_SENDERS) -> Row:
        """Measure senders that are alone in their rooms, in a closed loop."""
        with Room(lambda: self.parts().total(), is_shared=False) as room:
            self._joined(room, senders, IN_OWN_ROOM)
            room.appoint(senders, 0)
            room.closed_loop(0.5, 0.5)
            room.settle()
            row = self._watched(lambda: room.closed_loop(0, seconds).deliveries)
            return replace(row, wrong=room.settle())

    def _watched(self, run: Callable[[], float]) -> Row:
        """Return the cost of each message of a run, which returns their number."""
        before, busy, ours = self.parts(), machine_seconds(), time.process_time()
        begun = time.monotonic()
        messages = run()
        seconds = time.monotonic() - begun
        parts = self.parts().since(before)
        others = machine_seconds() - busy - (time.process_time() - ours) - parts.total()

        def each(used: float) -> float:
            return used / messages * 1e6

        return Row(
            messages / seconds,
            busiest_us=each(max(parts.nodes)),
            nodes_us=each(sum(parts.nodes)),
            redis_us=each(parts.redis),
            postgresql_us=each(parts.postgresql),
            others_share=max(0.0, others / seconds),
        )

    def _joined(self, room: Room, count: int, greeting: Greeting) -> list[Client]:
        """Return joined clients, spread evenly over the nodes."""
        for number in range(count):
            address: Address = self.nodes[number % len(self.nodes)].address
            join(room, address, 1, JOIN_SECONDS, _as_number(greeting, number))
        return list(room.clients.values())


def _as_number(greeting: Greeting, number: int) -> Greeting:
    return Greeting(lambda _: greeting.first_frame(number), greeting.answer)


def _percentiles(ages_us: list[int]) -> tuple[float, float] | None:
    """Return the median and the 99th percentile, in milliseconds."""
    if len(ages_us) < 2:
        return None
    cuts = statistics.quantiles(ages_us, n=100)
    return cuts[49] / 1000, cuts[98] / 1000


@contextmanager
def site(setup: Setup, cluster: postgres.Cluster, hub: redis.Redis) -> Iterator[Site]:
    """Start the nodes of a setup on an empty store, and stop them at the end."""
    store = cluster.fresh_url()
    command = [sys.executable, "-m", "trio_chat", "--port", "0", "--store", store]
    command += ["--message-rate", "0", "--upgrade-rate", "0"]
    command += ["--frame-rate", "0", "--notice-rate", "0", "--new-room-rate", "0"]
    # The first address in the output must be the node's own, not that of Redis.
    command += ["--log-level", "warning"]
    if setup.has_backplane:
        command += ["--backplane", hub.url]
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(running(command, folder=setup.folder)) for _ in range(setup.nodes)
        ]
        yield Site(nodes, hub.pid, cluster.pid)


def main() -> int:
    """Measure and print the table.

    Returns:
        1 if a message was lost or repeated, or a node did not start; 0 otherwise.
    """
    options = _options()
    allow_many_files()
    rows: dict[tuple[str, str], list[Row]] = {}
    folders = [options.against, REPOSITORY] if options.against else [REPOSITORY]
    ways: list[list[Way]] = [[] for _ in folders]
    with postgres.running() as cluster, redis.running() as hub:
        for number in range(options.rounds):
            for folder, way in zip(folders, ways, strict=True):
                print(f"round {number + 1} of {options.rounds}: {folder}", file=sys.stderr)
                way.append(way_over_redis(folder, cluster, hub, options.seconds))
            for setup in () if options.only_way else SETUPS:
                print(f"round {number + 1} of {options.rounds}: {setup.label}", file=sys.stderr)
                with site(setup, cluster, hub) as place:
                    row = place.in_a_room(options.seconds)
                    rows.setdefault(("room", setup.label), []).append(row)
                with site(setup, cluster, hub) as place:
                    row = place.acknowledged(options.seconds)
                    rows.setdefault(("own rooms", setup.label), []).append(row)
    text = report(rows, ways, options.rounds, options.seconds)
    print(text, end="")
    if options.output is not None:
        (options.output / TABLE).write_text(text, encoding="utf-8")
    return 1 if any(row.wrong for each in rows.values() for row in each) else 0


def way_over_redis(
    folder: Path, cluster: postgres.Cluster, hub: redis.Redis, seconds: float
) -> Way:
    """Measure the cost that Redis adds to one message, with nodes of a checkout."""
    one = Setup("", 1, has_backplane=False, folder=folder)
    two = Setup("", 2, has_backplane=True, folder=folder)
    with site(one, cluster, hub) as alone, site(two, cluster, hub) as joined:
        extra = statistics.median(
            joined.acknowledged(seconds / PAIRS, senders=1).nodes_us
            - alone.acknowledged(seconds / PAIRS, senders=1).nodes_us
            for _ in range(PAIRS)
        )
    return Way(extra, hearing(hub.port, folder))


def report(
    rows: dict[tuple[str, str], list[Row]], ways: list[list[Way]], rounds: int, seconds: float
) -> str:
    """Return the tables in Markdown."""
    lines = [
        [load, label, *_figures(each)]
        for (load, label), each in sorted(rows.items(), key=lambda item: item[0][0] != "room")
    ]
    head = f"{machine()}; {rounds} rounds, windows of {seconds:g} s."
    tables = [markdown(HEAD, lines), LEGEND] if lines else []
    return "\n\n".join([head, *tables, compared(ways), WAY_LEGEND]) + "\n"


def _figures(rows: list[Row]) -> list[str]:
    def median(of: Callable[[Row], float]) -> float:
        return statistics.median(map(of, rows))

    def latency(of: Callable[[Row], tuple[float, float] | None]) -> str:
        known = [one for one in map(of, rows) if one is not None]
        if not known:
            return "-"
        return " / ".join(f"{statistics.median(column):.1f}" for column in zip(*known, strict=True))

    return [
        f"{median(lambda row: row.per_second):,.0f}",
        f"{median(lambda row: row.busiest_us):,.0f}",
        f"{median(lambda row: row.nodes_us):,.0f}",
        f"{median(lambda row: row.redis_us):,.0f}",
        f"{median(lambda row: row.postgresql_us):,.0f}",
        latency(lambda row: row.same_ms),
        latency(lambda row: row.across_ms),
        f"{median(lambda row: row.others_share):.2f}",
        f"{sum(row.wrong for row in rows)}",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.nodes", description="Measure one node, and three."
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window (default: 5)")
    parser.add_argument(
        "--only-way", action="store_true", help="measure only what Redis adds to one message"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="PATH",
        help="an older checkout of trio_chat, whose way over Redis is measured beside this one's",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DOCS", help=f"write {TABLE} in this folder, too"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LoadError, ServerError) as error:
        sys.exit(f"broke: {error}")

"""What is measured of a chat server: each measure starts it afresh, loads it, and ends it."""

import resource
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bench import archive as past
from tests.bench.figures import Figures, Results, Timing, percentile_ms
from tests.bench.joining import BY_NAME, IN_ONE_ROOM, IN_OWN_ROOM, join
from tests.bench.load import LoadError, Room, Window
from tests.bench.process import Neighbours
from tests.bench.servers import Server
from tests.bench.starting import Ready, Running

JOIN_SECONDS = 60.0
"""When joining is given up; the goal for 5,000 is 20 s. Later, the first to join could be taken for
dead, as the load generator answers no pings."""

IDLE_CLIENTS = 5000
IDLE = f"{IDLE_CLIENTS:,} idle clients"

CONNECTIONS = 1000
CONNECTED = "a connection with its upgrade"

JOINS = 2000
JOINED = "a join, newest page of 50"
PAST_SECONDS = 0.5
PAST_PER_SECOND = 200.0
"""Makes more messages than the newest page shows."""

SPARE_FILES = 200
"""Descriptors that a process here needs besides its connections."""

QUIET_SECONDS = 1.0
"""How long a server is left alone before its memory is read, so that what it still had to send is
gone."""


@dataclass(frozen=True, slots=True)
class Load:
    """How a room is loaded.

    Attributes:
        per_second: Messages a second in the measure at a fixed rate; None where there is none.
    """

    title: str
    members: int
    senders: int
    per_second: float | None

    @property
    def closed(self) -> str:
        """The title of its closed loop."""
        return f"{self.title}, closed loop"

    @property
    def fixed(self) -> str:
        """The title of its fixed rate."""
        return f"{self.title}, {self.per_second:g} messages/s"


ROOM1000 = Load("room of 1,000", 1000, 10, 50)
ROOM200 = Load("room of 200", 200, 10, 50)
ROOM10 = Load("room of 10", 10, 10, 500)
ALONE = Load("one client, round trips", 1, 1, None)
ONE, FIFTY, MANY = (
    Load(f"acknowledgements, {senders} sender{'s' * (senders > 1)}", senders, senders, None)
    for senders in (1, 50, 500)
)
ACKS = (ONE, FIFTY, MANY)
"""Each sender is alone in a room: 500 in one would measure 500 deliveries a message, and not the
log."""

MOST_SAMPLERS = 50
"""Clients whose acknowledgements are timed: enough for a p99, and no burden."""

Measure = Callable[[Server, Ready, Timing], Results]


def allow_many_files() -> int:
    """Raise the limit on open files as far as is allowed, for us and for the servers we start.

    Returns:
        How many connections one process can hold.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_FILES


def loaded(load: Load) -> Measure:
    """A measure of this load: a closed loop and, if it has a rate, that rate, each afresh.

    Clients that a server dropped in the one do not count in the other.
    """

    def measure(_server: Server, ready: Ready, timing: Timing) -> Results:
        if load.per_second is None:
            return {load.title: _in_a_room(load, ready, timing, None)}
        return {
            load.closed: _in_a_room(load, ready, timing, None),
            load.fixed: _in_a_room(load, ready, timing, load.per_second),
        }

    return measure


def round_trips(server: Server, ready: Ready, timing: Timing) -> Results:
    """One client alone, in the chat and, where there is one, at the echo server."""
    results = loaded(ALONE)(server, ready, timing.half())
    if server.echoes:
        with ready.fresh() as process, Room(process.cpu_seconds) as room:
            join(room, replace(process.address, path="/ws/echo"), 1, JOIN_SECONDS, greeting=None)
            results["one client, echo"] = _under(ALONE, room, timing.half(), None)
    return results


def memory(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """How fast thousands of clients join, and what each takes while idle."""
    most = allow_many_files()
    if most < IDLE_CLIENTS:
        raise LoadError(
            f"{IDLE_CLIENTS} clients need a limit on open files above {most + SPARE_FILES}"
        )
    with ready.fresh() as process, Room(process.cpu_seconds) as room:

        def come() -> float:
            return join(room, process.address, IDLE_CLIENTS, JOIN_SECONDS)

        return {IDLE: _each(process, room, come, IDLE_CLIENTS)}


def connections(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """What it costs to connect and upgrade, and what a connection takes that does nothing."""
    with ready.fresh() as process, Room(process.cpu_seconds) as room:
        address = replace(process.address, path="/ws/echo")
        # The first ones make the server allocate what it keeps.
        join(room, address, CONNECTIONS // 10, JOIN_SECONDS, greeting=None)

        def come() -> float:
            return join(room, address, CONNECTIONS, JOIN_SECONDS, greeting=None)

        return {CONNECTED: _each(process, room, come, CONNECTIONS)}


def joins(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """Measure joins to a room with history; all clients stay."""
    with ready.fresh() as process, Room(process.cpu_seconds) as room:
        join(room, process.address, 1, JOIN_SECONDS)
        room.appoint(1, 0)
        room.fixed_rate(PAST_PER_SECOND, 0, PAST_SECONDS)
        room.settle()

        def come() -> float:
            return join(room, process.address, JOINS, JOIN_SECONDS, IN_ONE_ROOM)

        return {JOINED: _each(process, room, come, JOINS)}


def acknowledgements(_server: Server, ready: Ready, timing: Timing) -> Results:
    """How many messages are acknowledged, and how soon: the next is sent when the ack is there.

    All at one server, which sends no presence for returning users.
    """
    results: Results = {}
    with ready.fresh() as process:
        for load in ACKS:
            with Room(process.cpu_seconds, is_shared=False) as room:
                join(room, process.address, load.members, JOIN_SECONDS, IN_OWN_ROOM)
                results[load.title] = _under(load, room, timing.half(), None)
    return results


def archive(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """How fast a server that has just been started with a long log shows what was before."""
    with ready.with_long_store() as process:
        neighbours = Neighbours(process.cpu_seconds)
        found = past.latencies(process.address)
        others = neighbours.cores()
    return {
        title: Figures(
            p50_ms=percentile_ms(sorted(latencies), 50),
            p99_ms=percentile_ms(sorted(latencies), 99),
            others_share=others,
        )
        for title, latencies in found.items()
    }


MEASURES: dict[str, Measure] = {
    "ROOM1000": loaded(ROOM1000),
    "ROOM200": loaded(ROOM200),
    "ROOM10": loaded(ROOM10),
    "ROUNDTRIP": round_trips,
    "ACKS": acknowledgements,
    "JOIN": joins,
    "CONNECT": connections,
    "MEMORY": memory,
    "ARCHIVE": archive,
}


def _each(process: Running, room: Room, come: Callable[[], float], count: int) -> Figures:
    """Return what each of so many clients costs the server.

    Args:
        process: The server.
        room: Where the clients are.
        come: Lets them come, and returns how many seconds that took.
        count: How many come.
    """
    kib, cpu = process.resident_kib(), process.cpu_seconds()
    neighbours = Neighbours(process.cpu_seconds)
    seconds = come()
    room.idle(QUIET_SECONDS)
    return Figures(
        cpu_us=(process.cpu_seconds() - cpu) / count * 1e6,
        others_share=neighbours.cores(),
        joined_seconds=seconds,
        kib_per_client=(process.resident_kib() - kib) / count,
    )


def _in_a_room(load: Load, ready: Ready, timing: Timing, rate: float | None) -> Figures:
    with ready.fresh() as server, Room(server.cpu_seconds) as room:
        join(room, server.address, load.members, JOIN_SECONDS, BY_NAME)
        return _under(load, room, timing, rate)


def _under(load: Load, room: Room, timing: Timing, rate: float | None) -> Figures:
    """Load a room at a fixed rate, or in a closed loop without one; see whether all arrives."""
    samplers = max(2, load.members // 50) if room.is_shared else MOST_SAMPLERS
    room.appoint(load.senders, min(load.members, samplers))
    if rate is None:
        window = room.closed_loop(timing.warm_up, timing.window)
    else:
        window = room.fixed_rate(rate, timing.warm_up, timing.window)
    return _figures(window, room.settle())


def _figures(window: Window, wrong: int) -> Figures:
    ordered = sorted(window.latencies_us)
    return Figures(
        per_second=window.deliveries / window.seconds,
        cpu_us=window.server_seconds / window.deliveries * 1e6 if window.deliveries else None,
        p50_ms=percentile_ms(ordered, 50),
        p99_ms=percentile_ms(ordered, 99),
        generator_share=window.generator_share,
        others_share=window.others_share,
        wrong=wrong,
    )

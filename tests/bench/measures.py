"""What is measured: each measure starts a server afresh, loads it, and ends it."""

import resource
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bench.joining import join
from tests.bench.load import LoadError, Room, Window
from tests.bench.servers import Server, running

JOIN_SECONDS = 60.0
"""When joining is given up; the bar for 5,000 is 20 s. Later, the first to join could be taken for
dead, as the load generator answers no pings."""

IDLE_CLIENTS = 5000
IDLE = f"{IDLE_CLIENTS:,} idle clients"

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


ROOM1000 = Load("room of 1,000", 1000, 10, 50)
ROOM10 = Load("room of 10", 10, 10, 500)
ALONE = Load("one client, round trips", 1, 1, None)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things are watched, in seconds."""

    warm_up: float
    window: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of results. What was not measured is None.

    Attributes:
        per_second: Deliveries (round trips, where one client is alone) a second.
        cpu_us: Processor time of the server for each of them, in microseconds.
        generator_share: How busy the generator was, of one core.
        others_share: How many cores something else was using.
        wrong: Deliveries missing, or more than sent.
    """

    per_second: float | None = None
    cpu_us: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    generator_share: float | None = None
    others_share: float | None = None
    joined_seconds: float | None = None
    kib_per_client: float | None = None
    wrong: int = 0


Results = dict[str, Figures]
"""By the title of the measure."""

Measure = Callable[[Server, list[str], Timing], Results]


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

    def measure(_server: Server, command: list[str], timing: Timing) -> Results:
        title, rate = load.title, load.per_second
        if rate is None:
            return {title: _in_a_room(load, command, timing, None)}
        return {
            f"{title}, closed loop": _in_a_room(load, command, timing, None),
            f"{title}, {rate:g} messages/s": _in_a_room(load, command, timing, rate),
        }

    return measure


def round_trips(server: Server, command: list[str], timing: Timing) -> Results:
    """One client alone, in the chat and, where there is one, at the echo server."""
    results = loaded(ALONE)(server, command, timing)
    if server.echoes:
        with running(command) as process, Room(process.cpu_seconds) as room:
            join(room, replace(process.address, path="/ws/echo"), 1, JOIN_SECONDS, named=False)
            results["one client, echo"] = _under(ALONE, room, timing, None)
    return results


def memory(server: Server, command: list[str], _timing: Timing) -> Results:
    """How fast thousands of clients join, and what each takes while idle."""
    if not server.sized:
        return {}
    most = allow_many_files()
    if most < IDLE_CLIENTS:
        raise LoadError(
            f"{IDLE_CLIENTS} clients need a limit on open files above {most + SPARE_FILES}"
        )
    with running(command) as process, Room(process.cpu_seconds) as room:
        before = process.resident_kib()
        seconds = join(room, process.address, IDLE_CLIENTS, JOIN_SECONDS)
        room.idle(QUIET_SECONDS)
        kib = (process.resident_kib() - before) / IDLE_CLIENTS
    return {IDLE: Figures(joined_seconds=seconds, kib_per_client=kib)}


MEASURES: dict[str, Measure] = {
    "ROOM1000": loaded(ROOM1000),
    "ROOM10": loaded(ROOM10),
    "ROUNDTRIP": round_trips,
    "MEMORY": memory,
}


def _in_a_room(load: Load, command: list[str], timing: Timing, rate: float | None) -> Figures:
    with running(command) as server, Room(server.cpu_seconds) as room:
        join(room, server.address, load.members, JOIN_SECONDS)
        return _under(load, room, timing, rate)


def _under(load: Load, room: Room, timing: Timing, rate: float | None) -> Figures:
    """Load a room at a fixed rate, or in a closed loop without one; see whether all arrives."""
    room.appoint(load.senders, samplers=min(load.members, max(2, load.members // 50)))
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
        p50_ms=_percentile(ordered, 50),
        p99_ms=_percentile(ordered, 99),
        generator_share=window.generator_share,
        others_share=window.others_share,
        wrong=wrong,
    )


def _percentile(ordered: list[int], percent: int) -> float | None:
    """By nearest rank, from microseconds to milliseconds."""
    if not ordered:
        return None
    return ordered[-(-len(ordered) * percent // 100) - 1] / 1000

"""What is measured: each measure starts a server afresh, loads it, and ends it."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bench import archive as past
from tests.bench.joining import BY_NAME, IN_OWN_ROOM, join
from tests.bench.load import LoadError, Room, Window
from tests.bench.process import machine_seconds
from tests.bench.servers import Ready, Server

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
ACKS = tuple(
    Load(f"acknowledgements, {senders} sender{'s' * (senders > 1)}", senders, senders, None)
    for senders in (1, 50, 500)
)
"""Each sender is alone in a room: 500 in one would measure 500 deliveries a message, and not the
log."""

MOST_SAMPLERS = 50
"""Clients whose acknowledgements are timed: enough for a p99, and no burden."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things are watched, in seconds."""

    warm_up: float
    window: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of results. What was not measured is None.

    Attributes:
        per_second: Deliveries (round trips, where one client is alone; acknowledgements) a second.
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
        title, rate = load.title, load.per_second
        if rate is None:
            return {title: _in_a_room(load, ready, timing, None)}
        return {
            f"{title}, closed loop": _in_a_room(load, ready, timing, None),
            f"{title}, {rate:g} messages/s": _in_a_room(load, ready, timing, rate),
        }

    return measure


def round_trips(server: Server, ready: Ready, timing: Timing) -> Results:
    """One client alone, in the chat and, where there is one, at the echo server."""
    results = loaded(ALONE)(server, ready, timing)
    if server.echoes:
        with ready.fresh() as process, Room(process.cpu_seconds) as room:
            join(room, replace(process.address, path="/ws/echo"), 1, JOIN_SECONDS, greeting=None)
            results["one client, echo"] = _under(ALONE, room, timing, None)
    return results


def memory(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """How fast thousands of clients join, and what each takes while idle."""
    most = allow_many_files()
    if most < IDLE_CLIENTS:
        raise LoadError(
            f"{IDLE_CLIENTS} clients need a limit on open files above {most + SPARE_FILES}"
        )
    with ready.fresh() as process, Room(process.cpu_seconds) as room:
        before = process.resident_kib()
        seconds = join(room, process.address, IDLE_CLIENTS, JOIN_SECONDS)
        room.idle(QUIET_SECONDS)
        kib = (process.resident_kib() - before) / IDLE_CLIENTS
    return {IDLE: Figures(joined_seconds=seconds, kib_per_client=kib)}


def acknowledgements(_server: Server, ready: Ready, timing: Timing) -> Results:
    """How many messages are acknowledged, and how soon: the next is sent when the ack is there.

    All at one server: those who come back are taken for the same, and nobody is told.
    """
    # Half as long each: there are many of them, and every message is an ack that is timed.
    half = Timing(timing.warm_up / 2, timing.window / 2)
    results: Results = {}
    with ready.fresh() as process:
        for load in ACKS:
            with Room(process.cpu_seconds, is_shared=False) as room:
                join(room, process.address, load.members, JOIN_SECONDS, IN_OWN_ROOM)
                results[load.title] = _under(load, room, half, None)
    return results


def archive(_server: Server, ready: Ready, _timing: Timing) -> Results:
    """How fast a server that has just been started with a long log shows what was before."""
    with ready.with_long_log() as process:
        start = time.monotonic()
        machine, ours, server = machine_seconds(), time.process_time(), process.cpu_seconds()
        found = past.latencies(process.address)
        used = time.process_time() - ours + process.cpu_seconds() - server
        others = (machine_seconds() - machine - used) / (time.monotonic() - start)
    return {
        title: Figures(
            p50_ms=_percentile(sorted(latencies), 50),
            p99_ms=_percentile(sorted(latencies), 99),
            others_share=max(0.0, others),
        )
        for title, latencies in found.items()
    }


MEASURES: dict[str, Measure] = {
    "ROOM1000": loaded(ROOM1000),
    "ROOM10": loaded(ROOM10),
    "ROUNDTRIP": round_trips,
    "MEMORY": memory,
    "ACKS": acknowledgements,
    "ARCHIVE": archive,
}


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

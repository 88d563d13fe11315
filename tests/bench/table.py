"""Writes the report of a benchmark in Markdown."""

from tests.bench.collected import QUIET_CORES, Collected
from tests.bench.contest import label
from tests.bench.figures import Figures
from tests.bench.goals import goals
from tests.bench.machine import machine, markdown

LOADED = (
    "measure",
    "server",
    "per second",
    "CPU µs each",
    "p50 ms",
    "p99 ms",
    "generator",
    "others",
    "lost",
)
SIZED = ("measure", "server", "all in s", "CPU µs each", "KiB each", "bystander p95 ms", "others")
COUNTED = ("measure", "server", "calls", "files")
TIMED = ("measure", "server", "p50 ms", "p99 ms", "others")

LEGEND = f"""\
Medians over the rounds in which other processes used at most {QUIET_CORES} of a core, or over all
rounds if there were none. *Per second* counts deliveries: copies that arrived; for one client alone
a delivery is a round trip. *CPU each* is the server's time for a delivery, all threads. Latency
runs from sending to the generator's reading. *Generator* and *others* are the cores that the load
generator and unrelated processes used: a generator near 1.00 limits the server. *Lost* adds up all
rounds; a server that drops a client with a full queue loses that client's deliveries.
*Acknowledgements* are of messages with a `ref`, each sender alone in a room; an ack counts as a
delivery, and the processor time includes the database."""

SIZED_LEGEND = """\
Processor time and memory of the server for each client, which stays idle afterwards, or for each
message over Redis. A *bystander* sends messages meanwhile and waits for each acknowledgement."""

TIMED_LEGEND = """\
From one client's request (its `hello`, or `history`) to the complete answer. Each client joins as a
user of its own, so the server first commits that notice."""


def report(
    collected: Collected,
    missing: dict[str, str],
    rounds: int,
    window_seconds: float,
    *,
    has_before: bool = False,
) -> str:
    """Return the report.

    Args:
        collected: The measurements.
        missing: The reason for each server that was not measured.
        rounds: The number of rounds.
        window_seconds: The length of each window.
        has_before: Whether an older checkout took part.
    """
    rows = list(collected.rows())
    loaded = [
        _loaded(title, server, row) for title, server, row in rows if row.per_second is not None
    ]
    sized = [
        _sized(title, server, row)
        for title, server, row in rows
        if row.per_second is None and row.cpu_us is not None
    ]
    timed = [
        _timed(title, server, row)
        for title, server, row in rows
        if row.per_second is None and row.p50_ms is not None
    ]
    counted = [
        [title, label(server), _number(row.calls, ".0f"), _number(row.files, ".0f")]
        for title, server, row in rows
        if row.calls is not None
    ]
    before = collected.before() if has_before else None
    head = ("measure", "goal", "measured", *(("before",) if has_before else ()), "verdict")
    parts = [
        f"{machine()}; {rounds} rounds, windows of {window_seconds:g} s.",
        markdown(head, [goal.line(collected, before) for goal in goals()]),
        *(f"{label(name)}: not measured, {why}." for name, why in missing.items()),
        *_disturbance([row for _, _, row in rows]),
        *([markdown(LOADED, loaded), LEGEND] if loaded else []),
        *([markdown(SIZED, sized), SIZED_LEGEND] if sized else []),
        *([markdown(TIMED, timed), TIMED_LEGEND] if timed else []),
        *([markdown(COUNTED, counted)] if counted else []),
    ]
    return "\n\n".join(parts) + "\n"


def _disturbance(rows: list[Figures]) -> list[str]:
    most = max((row.others_share or 0 for row in rows), default=0)
    if most <= QUIET_CORES:
        return []
    return [f"Unrelated processes used up to {most:.2f} cores: the verdicts are only hints."]


def _loaded(title: str, server: str, row: Figures) -> list[str]:
    return [
        title,
        label(server),
        _number(row.per_second, ",.0f"),
        _number(row.cpu_us, ".2f"),
        _number(row.p50_ms, ".2f"),
        _number(row.p99_ms, ".2f"),
        _number(row.generator_share, ".2f"),
        _number(row.others_share, ".2f"),
        f"{row.wrong:,}",
    ]


def _sized(title: str, server: str, row: Figures) -> list[str]:
    return [
        title,
        label(server),
        _number(row.joined_seconds, ".2f"),
        _number(row.cpu_us, ",.0f"),
        _number(row.kib_per_client, ".1f"),
        _number(row.bystander_p95_ms, ",.0f"),
        _number(row.others_share, ".2f"),
    ]


def _timed(title: str, server: str, row: Figures) -> list[str]:
    return [
        title,
        label(server),
        _number(row.p50_ms, ".2f"),
        _number(row.p99_ms, ".2f"),
        _number(row.others_share, ".2f"),
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

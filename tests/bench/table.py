"""What is told in the end, in markdown."""

import os
import platform
import re
import shutil
import sqlite3
import ssl
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

from tests.bench.collected import QUIET_CORES, Collected
from tests.bench.contest import label
from tests.bench.figures import Figures
from tests.bench.goals import goals

PROGRAMS = (
    ("go", "version", "Go"),
    ("pgbench", "--version", "PostgreSQL"),
    ("redis-server", "--version", "Redis"),
    ("nats-server", "--version", "NATS"),
)

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
TIMED = ("measure", "server", "p50 ms", "p99 ms", "others")

LEGEND = f"""\
Medians over the rounds, where there are any over those in which other processes took at most
{QUIET_CORES} of a core. *Per second* counts deliveries: copies that arrived; for one client alone a
delivery is a round trip. *CPU each* is the server's, per delivery, all threads. Latency runs from
sending to the generator's reading. *Generator* and *others* are the cores that the load generator
and unrelated processes used: a generator near 1.00 is what limits the server. *Lost* adds up over
all rounds; a server that drops a client whose queue is full loses what that client would have
received. *Acknowledgements* are of messages with a `ref`, each sender alone in a room; an ack
counts as a delivery, and the processor time is that of the database, too."""

SIZED_LEGEND = """\
Processor time and memory are the server's, for each client, which does nothing afterwards; a
*bystander* sends messages meanwhile, and waits for each to be acknowledged."""

TIMED_LEGEND = """\
From the question of one client (its `hello`, or `history`) to the whole of the answer. Each joins
as a user of its own, so the notice of that is committed first."""


def report(
    collected: Collected,
    missing: dict[str, str],
    rounds: int,
    window_seconds: float,
    *,
    has_before: bool = False,
) -> str:
    """The whole document.

    Args:
        collected: What was measured.
        missing: By server, why it was not measured.
        rounds: How many rounds there were.
        window_seconds: How long each window was.
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
    ]
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """One line on what all this ran on."""
    packages = ("trio", "trio-websocket", "wsproto", "picows", "websockets", "uvloop")
    # It is worth a fifth: servers in Python lose beside Go when built without.
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "optimized" if optimized else "not optimized"
    versions = [
        f"Python {platform.python_version()} ({build})",
        *(f"{name} {version(name)}" for name in packages),
    ]
    versions += [f"SQLite {sqlite3.sqlite_version}", ssl.OPENSSL_VERSION.partition("  ")[0]]
    versions += [said for command in PROGRAMS if (said := _version(*command)) is not None]
    cores = f"{os.cpu_count()} cores ({_processor()})"
    return f"{cores}, Linux {platform.release()}, {', '.join(versions)}"


def _version(name: str, option: str, prefix: str) -> str | None:
    """What a program says of its version; None if there is none."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    program = shutil.which(name, path=path)
    if program is None:
        return None
    said = subprocess.run([program, option], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return f"{prefix} {found[0]}" if found else None


def _disturbance(rows: list[Figures]) -> list[str]:
    most = max((row.others_share or 0 for row in rows), default=0)
    if most <= QUIET_CORES:
        return []
    return [f"Unrelated processes took up to {most:.2f} cores: the verdicts are hints, no more."]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


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


def markdown(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""Run the benchmark, print its tables and draw its picture: ``python -m tests.bench --help``."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import structlog

from tests.bench.collected import Collected
from tests.bench.contest import ALL_MEASURES, NAMES, Entrant, entrants
from tests.bench.figures import Timing
from tests.bench.load import LoadError
from tests.bench.measures import allow_many_files
from tests.bench.picture import picture
from tests.bench.servers import SERVERS
from tests.bench.starting import Scratch, ServerError
from tests.bench.table import report

WARM_UP_SECONDS = 1.0
WINDOW_SECONDS = 5.0
ROUNDS = 3

QUICK_WARM_UP_SECONDS = 0.5
QUICK_WINDOW_SECONDS = 2.0

TABLE = Path("explanation", "bench-table.md")
PICTURE = Path("images", "bench.svg")
"""The places of the results in the documentation."""


def main() -> int:
    """Run the chosen measures.

    Returns:
        1 if a server failed or trio_chat lost a delivery; otherwise 0, whatever the goals say.
        A peer may drop slow clients: that is a result in the table.
    """
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    # The traced server runs in this process; standard output is for the tables.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    allow_many_files()
    timing = Timing(WARM_UP_SECONDS, WINDOW_SECONDS)
    if options.quick:
        timing = Timing(QUICK_WARM_UP_SECONDS, QUICK_WINDOW_SECONDS)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scratch = Scratch(Path(folder), stack)
        found, missing = entrants(options.servers, options.only, scratch, options.against)
        collected, broken = _rounds(options.rounds, options.only, found, timing)
    older = options.against is not None
    text = report(collected, missing, options.rounds, timing.window, has_before=older)
    text += "".join(f"\nBroke: {each}\n" for each in broken)
    print(text, end="")
    if options.output is not None:
        (options.output / TABLE).write_text(text, encoding="utf-8")
        drawn = picture(collected, options.rounds)
        (options.output / PICTURE).write_text(drawn, encoding="utf-8")
    lost = sum(collected.lost(name) for name, server in SERVERS.items() if server.is_ours)
    return 1 if broken or lost else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure trio_chat beside its peers."
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round, with windows of 2 s instead of 5 s"
    )
    parser.add_argument("--rounds", type=int, help="how often each server is measured (default: 3)")
    parser.add_argument(
        "--only",
        type=_among(ALL_MEASURES),
        default=list(ALL_MEASURES),
        help=f"of {','.join(ALL_MEASURES)}",
    )
    parser.add_argument(
        "--servers", type=_among(NAMES), default=list(NAMES), help=f"of {','.join(NAMES)}"
    )
    parser.add_argument(
        "--against",
        type=_checkout,
        metavar="PATH",
        help="an older checkout of trio_chat, measured beside this one in the same rounds",
    )
    parser.add_argument(
        "--output",
        type=_documentation,
        metavar="DOCS",
        help=f"write {TABLE} and {PICTURE} in this folder, too",
    )
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 1 if options.quick else ROUNDS
    return options


def _among(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


def _checkout(text: str) -> Path:
    folder = Path(text).resolve()
    if not (folder / "trio_chat" / "__main__.py").is_file():
        raise argparse.ArgumentTypeError(f"no trio_chat in {folder}")
    return folder


def _documentation(text: str) -> Path:
    """Return the folder; check it before minutes of measuring."""
    folder = Path(text)
    for path in (TABLE, PICTURE):
        if not (folder / path).parent.is_dir():
            raise argparse.ArgumentTypeError(f"no folder {(folder / path).parent}")
    return folder


def _rounds(
    rounds: int, measures: list[str], found: list[Entrant], timing: Timing
) -> tuple[Collected, list[str]]:
    """Run all rounds.

    Within each measure all servers run in a row, because disturbances of the machine vary.
    """
    collected = Collected()
    broken: list[str] = []
    for number in range(rounds):
        for measure in measures:
            taking_part = [each for each in found if measure in each.measures]
            first = number % len(taking_part) if taking_part else 0
            for each in taking_part[first:] + taking_part[:first]:
                print(f"round {number + 1} of {rounds}: {measure} {each.name}", file=sys.stderr)
                try:
                    collected.add(each.name, each.run(measure, timing), number)
                except (LoadError, ServerError, OSError) as error:
                    broken.append(f"{measure} {each.name}: {error}")
    return collected, broken


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)

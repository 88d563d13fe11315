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

from tests.bench.collected import Collected
from tests.bench.load import LoadError
from tests.bench.measures import MEASURES, Timing, allow_many_files
from tests.bench.picture import picture
from tests.bench.servers import SERVERS, NotHereError, Ready, ServerError
from tests.bench.table import report

WARM_UP_SECONDS = 1.0
WINDOW_SECONDS = 5.0
QUICK_WARM_UP_SECONDS = 0.5
QUICK_WINDOW_SECONDS = 2.0

TABLE = Path("explanation", "bench-table.md")
PICTURE = Path("images", "bench.svg")
"""Where the results stand in the documentation."""


def main() -> int:
    """Measure what was asked for.

    Returns:
        1 if a server broke, or if trio_chat lost a delivery; 0 otherwise, whatever the bars say.
        That a peer drops a client which it takes for slow is a result, and stands in the table.
    """
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    allow_many_files()
    timing = Timing(WARM_UP_SECONDS, WINDOW_SECONDS)
    if options.quick:
        timing = Timing(QUICK_WARM_UP_SECONDS, QUICK_WINDOW_SECONDS)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ready, missing = _ready(options.servers, options.only, Path(folder), stack)
        collected, broken = _rounds(options.rounds, options.only, ready, timing)
    text = report(collected, missing, options.rounds, timing.window)
    text += "".join(f"\nBroke: {each}\n" for each in broken)
    print(text, end="")
    if options.output is not None:
        (options.output / TABLE).write_text(text, encoding="utf-8")
        drawn = picture(collected, options.rounds)
        (options.output / PICTURE).write_text(drawn, encoding="utf-8")
    lost = sum(collected.lost(name) for name, server in SERVERS.items() if server.store)
    return 1 if broken or lost else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure trio_chat beside its peers."
    )
    parser.add_argument("--quick", action="store_true", help="windows of 2 s instead of 5 s")
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each server is measured (default: 3)"
    )
    parser.add_argument(
        "--only", type=_among(MEASURES), default=list(MEASURES), help=f"of {','.join(MEASURES)}"
    )
    parser.add_argument(
        "--servers", type=_among(SERVERS), default=list(SERVERS), help=f"of {','.join(SERVERS)}"
    )
    parser.add_argument(
        "--output",
        type=_documentation,
        metavar="DOCS",
        help=f"write {TABLE} and {PICTURE} in this folder, too",
    )
    return parser.parse_args()


def _among(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


def _documentation(text: str) -> Path:
    """Checked before minutes of measuring rather than after."""
    folder = Path(text)
    for path in (TABLE, PICTURE):
        if not (folder / path).parent.is_dir():
            raise argparse.ArgumentTypeError(f"no folder {(folder / path).parent}")
    return folder


def _ready(
    names: list[str], measures: list[str], folder: Path, stack: ExitStack
) -> tuple[dict[str, Ready], dict[str, str]]:
    """Each server that is to be measured and can be here, and why the others cannot."""
    ready: dict[str, Ready] = {}
    missing: dict[str, str] = {}
    for name in names:
        server = SERVERS[name]
        if server.measures.isdisjoint(measures):
            continue
        try:
            store = server.store(folder, stack) if server.store is not None else None
            ready[name] = Ready(server.command(folder), store)
        except NotHereError as error:
            missing[name] = str(error)
    return ready, missing


def _rounds(
    rounds: int, measures: list[str], ready: dict[str, Ready], timing: Timing
) -> tuple[Collected, list[str]]:
    """All rounds.

    Within each measure server follows server, as what disturbs the machine comes and goes.
    """
    collected = Collected()
    broken: list[str] = []
    for number in range(rounds):
        for measure in measures:
            names = [name for name in ready if measure in SERVERS[name].measures]
            first = number % len(names) if names else 0
            for name in names[first:] + names[:first]:
                print(f"round {number + 1} of {rounds}: {measure} {name}", file=sys.stderr)
                try:
                    collected.add(name, MEASURES[measure](SERVERS[name], ready[name], timing))
                except (LoadError, ServerError, OSError) as error:
                    broken.append(f"{measure} {name}: {error}")
    return collected, broken


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)

"""All that can be measured, under one roof: chat servers, probes, and an older checkout."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.commits import STORES
from tests.bench.figures import Results, Timing
from tests.bench.measures import MEASURES
from tests.bench.over_redis import OVER_REDIS
from tests.bench.returns import RETURNS
from tests.bench.servers import BEFORE, SERVERS, Server
from tests.bench.starting import REPOSITORY, NotHereError, Probe, Scratch
from tests.bench.trace import TRACE

PROBES = {probe.name: probe for probe in (*STORES, OVER_REDIS, RETURNS, TRACE)}

ALL_MEASURES = (
    *MEASURES,
    *sorted({each for probe in PROBES.values() for each in probe.measures} - MEASURES.keys()),
)

NAMES = (*SERVERS, *PROBES)
"""In the order in which they stand everywhere."""

OF_THIS_CHECKOUT = frozenset({"ARCHIVE"})
"""Measures of which an older one knows nothing: the archive is filled by the tables of this one."""

Run = Callable[[str, Timing], Results]
"""Runs a measure, given its name."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One that can be measured here.

    Attributes:
        measures: The names of the measures it takes part in.
        run: Measures it.
    """

    name: str
    measures: frozenset[str]
    run: Run


def label(name: str) -> str:
    """Return what the table calls an entrant."""
    return _entrant(name).label + (", before" if name.endswith(BEFORE) else "")


def entrants(
    names: Iterable[str], measures: Iterable[str], scratch: Scratch, older: Path | None = None
) -> tuple[list[Entrant], dict[str, str]]:
    """Prepare whatever takes part in one of the measures.

    Args:
        names: Of `NAMES`.
        measures: Their names.
        scratch: Of this run.
        older: An older checkout, whose servers take part beside ours.

    Returns:
        Those that can be measured, and why the others cannot, by name.
    """
    found: list[Entrant] = []
    missing: dict[str, str] = {}
    for name, checkout in _with_twins(names, older):
        entrant = _entrant(name)
        wanted = entrant.measures.intersection(measures)
        if checkout is not None:
            wanted -= OF_THIS_CHECKOUT
        if not wanted:
            continue
        try:
            run = _runner(entrant, checkout, scratch)
        except NotHereError as error:
            missing[name] = str(error)
        else:
            found.append(Entrant(name, wanted, run))
    return found, missing


def _entrant(name: str) -> Server | Probe:
    current = name.removesuffix(BEFORE)
    return SERVERS.get(current) or PROBES[current]


def _with_twins(names: Iterable[str], older: Path | None) -> Iterator[tuple[str, Path | None]]:
    """Each of ours is followed by itself as it was."""
    for name in names:
        yield name, None
        if older is not None and _entrant(name).is_ours:
            yield name + BEFORE, older


def _runner(entrant: Server | Probe, checkout: Path | None, scratch: Scratch) -> Run:
    if isinstance(entrant, Probe):
        measured = entrant.prepare(scratch, checkout or REPOSITORY)
        return lambda _measure, timing: measured(timing)
    ready = entrant.ready(scratch, checkout)
    return lambda measure, timing: MEASURES[measure](entrant, ready, timing)

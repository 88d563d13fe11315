"""The goals of trio_chat; a missed goal is no failure of the run.

Most are ratios to another server in the same rounds, so they hold on any machine.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.archive import JOIN, RESUME
from tests.bench.collected import Collected, Figure, Source
from tests.bench.contest import label
from tests.bench.figures import Figures
from tests.bench.hearing import EXTRA, HEARING, OF_MANY
from tests.bench.measures import (
    ALONE,
    CONNECTED,
    FIFTY,
    IDLE,
    JOINED,
    ONE,
    ROOM10,
    ROOM200,
    ROOM1000,
)
from tests.bench.over_redis import title
from tests.bench.returns import TO_ONE, TO_TEAMS
from tests.bench.trace import LOOP

CLOSED = ROOM1000.closed
FIXED = ROOM1000.fixed
SMALL = ROOM10.closed

ROUND_TRIP_COMMITS = 0.4 / 0.22
"""A round trip with a commit may take 0.4 ms where the bare commit takes 0.22."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured value.

    Attributes:
        made_of: The two figures of a ratio, with their unit.
    """

    value: float
    made_of: str = ""


Find = Callable[[Collected], Measured | None]
"""Returns the measured value; None if a figure is missing."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal.

    Attributes:
        what: The name of the value.
        limit: The value to reach.
        find: Returns the measured value.
        at_most: Whether the value must not exceed the limit.
        unit: The unit of the value.
        form: Its format.
    """

    what: str
    limit: float
    find: Find
    at_most: bool = False
    unit: str = ""
    form: str = ".2f"

    def line(self, collected: Collected, before: Collected | None = None) -> list[str]:
        """Return the cells of the table: what, goal, measured, before (if given), verdict."""
        goal = f"{'≤' if self.at_most else '≥'} {self.limit:.3g}{self.unit}"
        older = [] if before is None else [self._shown(self.find(before))]
        measured = self.find(collected)
        cells = [self.what, goal, self._shown(measured), *older]
        if measured is None:
            return [*cells, "not measured"]
        passed = measured.value <= self.limit if self.at_most else measured.value >= self.limit
        return [*cells, "PASS" if passed else "SHORT"]

    def _shown(self, measured: Measured | None) -> str:
        if measured is None:
            return "-"
        return f"{measured.value:{self.form}}{self.unit}{measured.made_of}"


def _rate(row: Figures) -> float | None:
    return row.per_second


def _cpu(row: Figures) -> float | None:
    return row.cpu_us


def _p50(row: Figures) -> float | None:
    return row.p50_ms


def _p99(row: Figures) -> float | None:
    return row.p99_ms


def _kib(row: Figures) -> float | None:
    return row.kib_per_client


def _ratio(upper: Source, lower: Source, form: str = ",.0f", unit: str = "") -> Find:
    def find(collected: Collected) -> Measured | None:
        ratio = collected.ratio(upper, lower)
        if ratio is None:
            return None
        over, under = collected.value(upper), collected.value(lower)
        return Measured(ratio, f" ({over:{form}} / {under:{form}}{unit})")

    return find


def _value(title: str, name: str, figure: Figure) -> Find:
    def find(collected: Collected) -> Measured | None:
        value = collected.value(Source(title, name, figure))
        return None if value is None else Measured(value)

    return find


def _lost(title: str) -> Find:
    def find(collected: Collected) -> Measured | None:
        row = collected.find(title, "trio_chat")
        return None if row.per_second is None else Measured(row.wrong)

    return find


def _above(title: str, name: str, lower: str, figure: Figure) -> Find:
    def find(collected: Collected) -> Measured | None:
        more = collected.value(Source(title, name, figure))
        less = collected.value(Source(title, lower, figure))
        if more is None or less is None:
            return None
        return Measured(more - less, f" ({more:.1f} - {less:.1f})")

    return find


def _rates(title: str, limit: float, name: str, other: str) -> Goal:
    """Return a goal for two rates: the least ratio of the first to the second."""
    what = f"{title}, a second: {label(name)} / {label(other)}"
    return Goal(what, limit, _ratio(Source(title, name, _rate), Source(title, other, _rate)))


def _costs(title: str, limit: float, name: str, other: str) -> Goal:
    """Return a goal for processor time: the largest ratio of the first to the second."""
    what = f"{title}, CPU each: {label(name)} / {label(other)}"
    found = _ratio(Source(title, name, _cpu), Source(title, other, _cpu), ",.1f", " µs")
    return Goal(what, limit, found, at_most=True)


def goals() -> list[Goal]:
    """Return all goals, those of the store first."""
    return [
        *_of_commits(),
        *_of_rooms(),
        *_of_tls(),
        *_of_redis(),
        *_of_returns(),
        *_of_one_message(),
        *_of_history(),
    ]


def _of_commits() -> list[Goal]:
    trip = _ratio(
        Source(ALONE.title, "sqlite", _p50), Source(ONE.title, "bare_sqlite", _p50), ".2f", " ms"
    )
    return [
        _rates(ONE.title, 0.45, "sqlite", "bare_sqlite"),
        _costs(ONE.title, 2.5, "sqlite", "bare_sqlite"),
        _rates(FIFTY.title, 0.5, "sqlite", "bare_sqlite"),
        _costs(FIFTY.title, 2.5, "sqlite", "bare_sqlite"),
        _rates(CLOSED, 0.85, "sqlite", "trio_chat"),
        Goal(
            f"{ALONE.title}, p50: {label('sqlite')} / a commit of {label('bare_sqlite')}",
            ROUND_TRIP_COMMITS,
            trip,
            at_most=True,
        ),
        _rates(FIFTY.title, 0.5, "postgresql", "pgbench"),
        _costs(JOINED, 1.5, "sqlite", "trio_chat"),
        _costs(JOINED, 0.7, "trio_chat", "trio_chat_before"),
    ]


def _of_rooms() -> list[Goal]:
    late = _ratio(Source(FIXED, "trio_chat", _p99), Source(FIXED, "go", _p99), ".2f", " ms")
    return [
        _rates(ALONE.title, 1.1, "trio_chat", "go"),
        _rates(CLOSED, 0.8, "trio_chat", "floor"),
        _rates(SMALL, 2.5, "trio_chat", "go"),
        Goal(f"{FIXED}, p99: {label('trio_chat')} / {label('go')}", 1.25, late, at_most=True),
        Goal(f"{CLOSED}, lost", 0, _lost(CLOSED), at_most=True, form=",.0f"),
        Goal(f"{FIXED}, lost", 0, _lost(FIXED), at_most=True, form=",.0f"),
        Goal(
            "memory of an idle connection",
            33,
            _value(IDLE, "trio_chat", _kib),
            at_most=True,
            unit=" KiB",
            form=".1f",
        ),
        Goal(
            f"{IDLE}, all joined",
            20,
            _value(IDLE, "trio_chat", lambda row: row.joined_seconds),
            at_most=True,
            unit=" s",
        ),
    ]


def _of_redis() -> list[Goal]:
    limits = {EXTRA: 500, HEARING: 150, OF_MANY: 20}
    return [
        Goal(
            f"{title(part)}, CPU",
            limit,
            _value(title(part), "redis", _cpu),
            at_most=True,
            unit=" µs",
            form=",.0f",
        )
        for part, limit in limits.items()
    ]


def _of_one_message() -> list[Goal]:
    return [
        Goal(f"{LOOP}, {what}", limit, _value(LOOP, "trace", find), at_most=True, form=".0f")
        for what, limit, find in (
            ("calls", 70, lambda row: row.calls),
            ("files", 12, lambda row: row.files),
        )
    ]


def _of_returns() -> list[Goal]:
    return [
        goal
        for title in (TO_TEAMS, TO_ONE)
        for goal in (
            Goal(
                f"{title}, all in",
                15,
                _value(title, "returns", lambda row: row.joined_seconds),
                at_most=True,
                unit=" s",
                form=".1f",
            ),
            Goal(
                f"{title}, p95 of a bystander",
                250,
                _value(title, "returns", lambda row: row.bystander_p95_ms),
                at_most=True,
                unit=" ms",
                form=".0f",
            ),
        )
    ]


def _of_tls() -> list[Goal]:
    return [
        _costs(ROOM10.fixed, 1.6, "tls", "trio_chat"),
        _costs(ROOM200.fixed, 1.6, "tls", "trio_chat"),
        _costs(ROOM10.closed, 1.4, "tls", "trio_chat"),
        _costs(ROOM200.closed, 1.4, "tls", "trio_chat"),
        _costs(CONNECTED, 2.5, "tls", "trio_chat"),
        Goal(
            "memory of a connection, TLS above plain",
            17,
            _above(CONNECTED, "tls", "trio_chat", _kib),
            at_most=True,
            unit=" KiB",
            form=".1f",
        ),
    ]


def _of_history() -> list[Goal]:
    return [
        Goal(
            f"{title}, p50: {label(name)}", 20, _value(title, name, _p50), at_most=True, unit=" ms"
        )
        for title in (JOIN, RESUME)
        for name in ("sqlite", "postgresql")
    ]

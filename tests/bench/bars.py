"""The bars trio_chat is held to, and whether it clears them here: facts, never a failure."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.archive import JOIN, RESUME
from tests.bench.collected import Collected
from tests.bench.measures import ALONE, IDLE, ROOM10, ROOM1000, Figures
from tests.bench.servers import SERVERS

CLOSED = f"{ROOM1000.title}, closed loop"
FIXED = f"{ROOM1000.title}, {ROOM1000.per_second:g} messages/s"
SMALL = f"{ROOM10.title}, closed loop"

CPU_SHARE = 2.5 / 33
"""What a delivery in a small room may cost, of what it costs plain trio-websocket: 2.5 µs on a
machine where that takes 33 µs. The ratio holds on other machines, too."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a bar is compared with.

    Attributes:
        made_of: For a ratio, the two figures with their unit; shown behind it.
    """

    value: float
    made_of: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        what: What is compared.
        limit: The number to reach.
        find: Finds what was measured; None where something for it is missing.
        at_most: Whether the limit is to be kept under instead of reached.
        unit: Behind the numbers.
        form: How the numbers are written; finer where two decimals hide the difference.
    """

    what: str
    limit: float
    find: Callable[[Collected], Measured | None]
    at_most: bool = False
    unit: str = ""
    form: str = ".2f"

    def line(self, collected: Collected) -> list[str]:
        """What, limit, measured, verdict: as cells of a table."""
        measured = self.find(collected)
        limit = f"{'≤' if self.at_most else '≥'} {self.limit:.3g}{self.unit}"
        if measured is None:
            return [self.what, limit, "-", "not measured"]
        value = measured.value
        passed = value <= self.limit if self.at_most else value >= self.limit
        shown = f"{value:{self.form}}{self.unit}{measured.made_of}"
        return [self.what, limit, shown, "PASS" if passed else "SHORT"]


def bars(*, go: bool) -> list[Bar]:
    """All bars; without Go here, `websockets` stands in for it where there is a bar for that."""
    second, factor = ("go", 2.5) if go else ("websockets", 8)
    return [
        Bar(f"deliveries/s, {CLOSED}: trio_chat / floor", 0.6, _ratio(CLOSED, _rate, "floor")),
        Bar(
            f"deliveries/s, {CLOSED}: trio_chat / {second}",
            factor,
            _ratio(CLOSED, _rate, second),
        ),
        Bar(f"lost, {CLOSED}", 0, _lost(CLOSED), at_most=True, form=",.0f"),
        Bar(f"lost, {FIXED}", 0, _lost(FIXED), at_most=True, form=",.0f"),
        Bar(
            f"p99, {FIXED}: trio_chat / go",
            1.25,
            _ratio(FIXED, lambda row: row.p99_ms, "go", ".2f", " ms"),
            at_most=True,
        ),
        Bar(
            f"CPU a delivery, {SMALL}: trio_chat / plain trio-websocket",
            CPU_SHARE,
            _ratio(SMALL, lambda row: row.cpu_us, "plain_trio", ".2f", " µs"),
            at_most=True,
            form=".4f",
        ),
        # One message is under way at a time, so no server here has a queue to overflow.
        Bar("round trips/s of one client: trio_chat / go", 0.75, _ratio(ALONE.title, _rate, "go")),
        Bar(
            "memory of an idle connection",
            40,
            _idle(lambda row: row.kib_per_client),
            at_most=True,
            unit=" KiB",
        ),
        Bar(
            "all joined, presence on",
            20,
            _idle(lambda row: row.joined_seconds),
            at_most=True,
            unit=" s",
        ),
        Bar(
            f"deliveries/s, {CLOSED}: log in SQLite / in memory",
            0.8,
            _of_memory,
        ),
        *(
            Bar(
                f"{title}: {SERVERS[server].label}",
                20,
                _median(title, server),
                at_most=True,
                unit=" ms",
            )
            for title in (JOIN, RESUME)
            for server in ("sqlite", "postgresql")
        ),
    ]


def _rate(row: Figures) -> float | None:
    return row.per_second


def _ratio(
    title: str,
    figure: Callable[[Figures], float | None],
    other: str,
    form: str = ",.0f",
    unit: str = "",
) -> Callable[[Collected], Measured | None]:
    """One figure of trio_chat beside that of another server in the same measure."""

    def find(collected: Collected) -> Measured | None:
        ours = figure(collected.find(title, "trio_chat"))
        theirs = figure(collected.find(title, other))
        if ours is None or not theirs:
            return None
        return Measured(ours / theirs, f" ({ours:{form}} / {theirs:{form}}{unit})")

    return find


def _lost(title: str) -> Callable[[Collected], Measured | None]:
    def find(collected: Collected) -> Measured | None:
        row = collected.find(title, "trio_chat")
        return None if row.per_second is None else Measured(row.wrong)

    return find


def _of_memory(collected: Collected) -> Measured | None:
    """What of its fan-out trio_chat keeps with its log in a file."""
    kept, whole = (_rate(collected.find(CLOSED, server)) for server in ("sqlite", "trio_chat"))
    if kept is None or not whole:
        return None
    return Measured(kept / whole, f" ({kept:,.0f} / {whole:,.0f})")


def _median(title: str, server: str) -> Callable[[Collected], Measured | None]:
    def find(collected: Collected) -> Measured | None:
        value = collected.find(title, server).p50_ms
        return None if value is None else Measured(value)

    return find


def _idle(figure: Callable[[Figures], float | None]) -> Callable[[Collected], Measured | None]:
    def find(collected: Collected) -> Measured | None:
        value = figure(collected.find(IDLE, "trio_chat"))
        return None if value is None else Measured(value)

    return find

"""The bars trio_chat is held to, and whether it clears them here: facts, never a failure."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.collected import Collected
from tests.bench.measures import ALONE, IDLE, ROOM1000

CLOSED = f"{ROOM1000.title}, closed loop"
FIXED = f"{ROOM1000.title}, {ROOM1000.per_second:g} messages/s"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        what: What is compared.
        limit: The number to reach.
        at_most: Whether the limit is to be kept under instead of reached.
        unit: Behind the numbers.
        value: Finds what was measured; None where something for it is missing.
    """

    what: str
    limit: float
    at_most: bool
    unit: str
    value: Callable[[Collected], float | None]

    def line(self, collected: Collected) -> list[str]:
        """What, limit, measured, verdict: as cells of a table."""
        value = self.value(collected)
        limit = f"{'≤' if self.at_most else '≥'} {self.limit:g}{self.unit}"
        if value is None:
            return [self.what, limit, "-", "not measured"]
        passed = value <= self.limit if self.at_most else value >= self.limit
        return [self.what, limit, f"{value:.2f}{self.unit}", "PASS" if passed else "SHORT"]


def bars(*, go: bool) -> list[Bar]:
    """All bars; without Go here, `websockets` stands in for it where there is a bar for that."""
    second, factor = ("go", 2.5) if go else ("websockets", 8)
    return [
        Bar(
            "deliveries/s, room of 1,000, closed loop: trio_chat / floor",
            limit=0.6,
            at_most=False,
            unit="",
            value=_rate(CLOSED, "floor"),
        ),
        Bar(
            f"deliveries/s, room of 1,000, closed loop: trio_chat / {second}",
            limit=factor,
            at_most=False,
            unit="",
            value=_rate(CLOSED, second),
        ),
        Bar(
            "p99 at 50 messages/s, room of 1,000: trio_chat / go",
            limit=1.25,
            at_most=True,
            unit="",
            value=_p99,
        ),
        Bar(
            "round trips/s of one client: trio_chat / go",
            limit=0.6,
            at_most=False,
            unit="",
            value=_rate(ALONE.title, "go"),
        ),
        Bar(
            "memory of an idle connection",
            limit=40,
            at_most=True,
            unit=" KiB",
            value=lambda found: found.find(IDLE, "trio_chat").kib_per_client,
        ),
        Bar(
            "all joined, presence on",
            limit=20,
            at_most=True,
            unit=" s",
            value=lambda found: found.find(IDLE, "trio_chat").joined_seconds,
        ),
    ]


def _rate(title: str, other: str) -> Callable[[Collected], float | None]:
    return lambda found: _ratio(
        found.find(title, "trio_chat").per_second, found.find(title, other).per_second
    )


def _p99(found: Collected) -> float | None:
    return _ratio(found.find(FIXED, "trio_chat").p99_ms, found.find(FIXED, "go").p99_ms)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None

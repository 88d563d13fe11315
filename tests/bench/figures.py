"""What one measure of one server gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a load runs, in seconds.

    Attributes:
        warm_up: Before anything counts.
        window: While it counts.
    """

    warm_up: float
    window: float

    def half(self) -> "Timing":
        """For measures that have many parts, or that need few seconds."""
        return Timing(self.warm_up / 2, self.window / 2)


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of results. A figure that was not measured is None.

    Attributes:
        per_second: Deliveries (round trips of one client alone; acknowledgements) a second.
        cpu_us: Processor time of the server for each of them, in microseconds.
        generator_share: How busy the generator was, of one core.
        others_share: How many cores other processes used.
        joined_seconds: How long it took until all clients had joined.
        bystander_p95_ms: How long a client waited for its acknowledgements meanwhile.
        kib_per_client: Memory of the server for each client.
        calls: Functions that were entered.
        files: Files that they are in.
        wrong: Deliveries missing, or more than sent.
    """

    per_second: float | None = None
    cpu_us: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    generator_share: float | None = None
    others_share: float | None = None
    joined_seconds: float | None = None
    bystander_p95_ms: float | None = None
    kib_per_client: float | None = None
    calls: int | None = None
    files: int | None = None
    wrong: int = 0


Results = dict[str, Figures]
"""By the title of the measure."""


def percentile_ms(ordered_us: list[int], percent: int) -> float | None:
    """Return a percentile by nearest rank, from microseconds to milliseconds."""
    if not ordered_us:
        return None
    return ordered_us[-(-len(ordered_us) * percent // 100) - 1] / 1000

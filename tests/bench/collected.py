"""The results of all rounds, and the one figure that stands for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from statistics import median

from tests.bench.figures import Figures, Results
from tests.bench.servers import BEFORE

QUIET_CORES = 0.2
"""A round counts as disturbed when something else took more of the machine than this."""

Figure = Callable[[Figures], float | None]
"""Picks one figure."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from.

    Attributes:
        title: Of the measure.
        name: Of the server or store.
        figure: Picks it.
    """

    title: str
    name: str
    figure: Figure


class Collected:
    """What each did in each round of each measure."""

    def __init__(self) -> None:
        self._rounds: dict[str, dict[str, dict[int, Figures]]] = {}

    def add(self, name: str, results: Results, number: int = 0) -> None:
        """Take in the results of one in a round.

        Args:
            name: Of the server or store.
            results: Its figures.
            number: Of the round.
        """
        for title, figures in results.items():
            self._rounds.setdefault(title, {}).setdefault(name, {})[number] = figures

    def rows(self) -> Iterator[tuple[str, str, Figures]]:
        """Title, name and figures of all that was measured, measure by measure."""
        for title, names in self._rounds.items():
            for name, rounds in names.items():
                yield title, name, middle(list(rounds.values()))

    def find(self, title: str, name: str) -> Figures:
        """The figures of one; empty where it was not measured."""
        rounds = self._rounds.get(title, {}).get(name)
        return middle(list(rounds.values())) if rounds else Figures()

    def value(self, source: Source) -> float | None:
        """The median of one figure."""
        return source.figure(self.find(source.title, source.name))

    def ratio(self, upper: Source, lower: Source) -> float | None:
        """The median of the ratios of two figures, each ratio within one round.

        Returns:
            None if no round has both.
        """
        above, below = self._of(upper), self._of(lower)
        rounds = above.keys() & below.keys()
        quiet = {each for each in rounds if _is_quiet(above[each]) and _is_quiet(below[each])}
        found = [
            over / under
            for each in quiet or rounds
            if (over := upper.figure(above[each])) is not None
            and (under := lower.figure(below[each]))
        ]
        return median(found) if found else None

    def before(self) -> "Collected":
        """The same, with each of our servers replaced by that of the older checkout."""
        found = Collected()
        for title, names in self._rounds.items():
            twins = {name for name in names if name.endswith(BEFORE)}
            current = {name.removesuffix(BEFORE) for name in twins}
            kept = {name: rounds for name, rounds in names.items() if name not in current}
            renamed = {name.removesuffix(BEFORE): names[name] for name in twins}
            found._rounds[title] = kept | renamed
        return found

    def lost(self, name: str) -> int:
        """Deliveries that went wrong at a server, over all rounds."""
        return sum(
            each.wrong for names in self._rounds.values() for each in names.get(name, {}).values()
        )

    def _of(self, source: Source) -> dict[int, Figures]:
        return self._rounds.get(source.title, {}).get(source.name, {})


def middle(rounds: list[Figures]) -> Figures:
    """The median of each figure, over the undisturbed rounds if there are any.

    What went wrong adds up over all rounds.
    """
    counted = list(filter(_is_quiet, rounds)) or rounds
    medians = {
        field.name: median(values)
        for field in fields(Figures)
        if (
            values := [
                value for each in counted if (value := getattr(each, field.name)) is not None
            ]
        )
    }
    return Figures(**medians | {"wrong": sum(each.wrong for each in rounds)})


def _is_quiet(figures: Figures) -> bool:
    return (figures.others_share or 0) <= QUIET_CORES

"""The results of all rounds, and the one figure that stands for each."""

from collections.abc import Iterator
from dataclasses import fields
from statistics import median

from tests.bench.measures import Figures, Results

QUIET_CORES = 0.2
"""A round counts as disturbed when something else took more of the machine than this."""


class Collected:
    """What each server did in each round of each measure."""

    def __init__(self) -> None:
        self._rounds: dict[str, dict[str, list[Figures]]] = {}

    def add(self, server: str, results: Results) -> None:
        """Take in what one server did in one round."""
        for title, figures in results.items():
            self._rounds.setdefault(title, {}).setdefault(server, []).append(figures)

    def rows(self) -> Iterator[tuple[str, str, Figures]]:
        """Title, server and figure of all that was measured, measure by measure."""
        for title, servers in self._rounds.items():
            for server, rounds in servers.items():
                yield title, server, middle(rounds)

    def find(self, title: str, server: str) -> Figures:
        """The figures of one server; empty where it was not measured."""
        rounds = self._rounds.get(title, {}).get(server)
        return middle(rounds) if rounds else Figures()

    def lost(self, server: str) -> int:
        """Deliveries that went wrong at a server, over all rounds."""
        return sum(
            middle(servers[server]).wrong for servers in self._rounds.values() if server in servers
        )


def middle(rounds: list[Figures]) -> Figures:
    """The median of each figure, over the undisturbed rounds if there are any.

    What went wrong adds up over all rounds.
    """
    counted = [each for each in rounds if (each.others_share or 0) <= QUIET_CORES] or rounds
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

"""What the runner wrote down, and what it comes to."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, frozen

CASES = {
    "1": 16,
    "2": 11,
    "3": 7,
    "4": 10,
    "5": 20,
    "6": 145,
    "7": 37,
    "9": 54,
    "10": 1,
    "12": 90,
    "13": 126,
}
"""How many cases there are in each group; 517 together. A runner that skips one is found out."""

PLAIN = {group: count for group, count in CASES.items() if group not in {"9", "12", "13"}}
"""The groups that take seconds: 9 is large messages, 12 and 13 compression, all for minutes."""

OK = "OK"
HARMLESS = ("NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")
"""What Autobahn itself does not call a failure; shown by number all the same."""

ERROR = "ERROR"
"""The case itself broke, and has said nothing of the server."""


@frozen
class Verdicts:
    """The behaviour of the server in each case, and in how the case was closed.

    Attributes:
        cases: Both, by the number of the case.
        expected: How many cases there should be.
    """

    cases: Mapping[str, tuple[str, str]]
    expected: int

    @classmethod
    def read(cls, index: Path, groups: Mapping[str, int]) -> "Verdicts":
        """Read the ``index.json`` of one run of these groups.

        Raises:
            OSError: There is none.
            ValueError: It is not that of one run.
        """
        (cases,) = json.loads(index.read_text("utf-8")).values()
        return cls(
            {number: (case["behavior"], case["behaviorClose"]) for number, case in cases.items()},
            sum(groups.values()),
        )

    @property
    def failed(self) -> list[str]:
        """The cases that neither passed nor are harmless."""
        fine = {OK, *HARMLESS}
        return [number for number, both in self.cases.items() if not fine.issuperset(both)]

    @property
    def are_good(self) -> bool:
        """Whether each case was run and none failed."""
        return len(self.cases) == self.expected and not self.failed

    def amended(self, again: "Verdicts") -> "Verdicts":
        """The same, but for the cases that were run again."""
        return evolve(self, cases={**self.cases, **again.cases})

    def with_behaviour(self, behaviour: str) -> list[str]:
        """The cases in which the server behaved like this."""
        return [number for number, (said, _) in self.cases.items() if said == behaviour]

    def table(self) -> str:
        """The figures, in Markdown, and behind them the numbers of all that is not ``OK``."""
        columns = (OK, *HARMLESS, "failed")
        lines = [f"| group | cases | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
        groups = Counter(number.partition(".")[0] for number in self.cases)
        for group in sorted(groups, key=int):
            some = {n: both for n, both in self.cases.items() if n.partition(".")[0] == group}
            lines.append(f"| {group} | {self._figures(Verdicts(some, groups[group]))} |")
        lines.append(f"| all | {self._figures(self)} |\n")
        lines.extend(
            f"{behaviour}: {', '.join(numbers)}."
            for behaviour in HARMLESS
            if (numbers := self.with_behaviour(behaviour))
        )
        if self.failed:
            lines.append(f"FAILED: {', '.join(self.failed)}.")
        if len(self.cases) != self.expected:
            lines.append(f"MISSING: {self.expected - len(self.cases)} of {self.expected} cases.")
        return "\n".join(lines) + "\n"

    @staticmethod
    def _figures(some: "Verdicts") -> str:
        failed = set(some.failed)
        counts = [
            len(set(some.with_behaviour(behaviour)) - failed) for behaviour in (OK, *HARMLESS)
        ]
        return " | ".join(map(str, [len(some.cases), *counts, len(failed)]))

"""The report of the runner, and its verdict."""

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
"""The number of cases in each group; 517 in all. It reveals skipped cases."""

PLAIN = {group: count for group, count in CASES.items() if group not in {"9", "12", "13"}}
"""The groups that take seconds. Large messages (9) and compression (12, 13) take minutes."""

OK = "OK"
HARMLESS = ("NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")
"""Outcomes that Autobahn itself does not call failures; the table lists their cases."""

ERROR = "ERROR"
"""The case itself failed, without a verdict about the server."""


@frozen
class Verdicts:
    """The behaviour of the server in each case, and at its close.

    Attributes:
        cases: Both, by the number of the case.
        expected: The expected number of cases.
    """

    cases: Mapping[str, tuple[str, str]]
    expected: int

    @classmethod
    def read(cls, index: Path, groups: Mapping[str, int]) -> "Verdicts":
        """Read the ``index.json`` of one run of these groups.

        Raises:
            OSError: The file is missing.
            ValueError: It reports several runs.
        """
        (cases,) = json.loads(index.read_text("utf-8")).values()
        return cls(
            {number: (case["behavior"], case["behaviorClose"]) for number, case in cases.items()},
            sum(groups.values()),
        )

    @property
    def failed(self) -> list[str]:
        """The cases that failed, in themselves or at their close."""
        fine = {OK, *HARMLESS}
        return [number for number, both in self.cases.items() if not fine.issuperset(both)]

    @property
    def are_good(self) -> bool:
        """Whether all cases ran and none failed."""
        return len(self.cases) == self.expected and not self.failed

    def amended(self, again: "Verdicts") -> "Verdicts":
        """Return the verdicts with those of the cases that ran again."""
        return evolve(self, cases={**self.cases, **again.cases})

    def with_behaviour(self, behaviour: str) -> list[str]:
        """Return the cases with this behaviour."""
        return [number for number, (found, _) in self.cases.items() if found == behaviour]

    def table(self) -> str:
        """Return a Markdown table of the figures, and all cases that are not ``OK``."""
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

"""Verdicts about the cases, and their table."""

import json
from pathlib import Path

import pytest

from tests.stress.autobahn.verdicts import CASES, PLAIN, Verdicts

FINE = {"1.1.1": ("OK", "OK"), "6.4.3": ("NON-STRICT", "OK"), "7.1.6": ("INFORMATIONAL",) * 2}


def test_517_cases_include_247_plain_ones() -> None:
    assert sum(CASES.values()) == 517
    assert sum(PLAIN.values()) == 247


@pytest.mark.parametrize(
    ("outcome", "is_good"),
    [
        (("OK", "OK"), True),
        (("FAILED", "OK"), False),
        (("OK", "WRONG CODE"), False),
        (("OK", "UNCLEAN"), False),
        (("ERROR", "FAILED"), False),
    ],
)
def test_a_case_passes_if_it_and_its_close_do(outcome: tuple[str, str], is_good: bool) -> None:  # noqa: FBT001 - a parameter of the test
    verdicts = Verdicts({**FINE, "6.3.1": outcome}, 4)
    assert verdicts.are_good is is_good
    assert verdicts.failed == ["6.3.1"] * (not is_good)
    assert verdicts.amended(Verdicts({"6.3.1": ("OK", "OK")}, 1)).are_good


def test_a_missing_case_is_a_failure() -> None:
    verdicts = Verdicts(FINE, 4)
    assert not verdicts.are_good
    assert "MISSING: 1 of 4 cases." in verdicts.table()


def test_the_table_counts_each_case_once_and_lists_those_not_ok() -> None:
    verdicts = Verdicts({**FINE, "1.1.2": ("OK", "UNCLEAN"), "10.1.1": ("OK", "OK")}, 5)
    assert verdicts.table().splitlines() == [
        "| group | cases | OK | NON-STRICT | INFORMATIONAL | UNIMPLEMENTED | failed |",
        "|---|---|---|---|---|---|---|",
        "| 1 | 2 | 1 | 0 | 0 | 0 | 1 |",
        "| 6 | 1 | 0 | 1 | 0 | 0 | 0 |",
        "| 7 | 1 | 0 | 0 | 1 | 0 | 0 |",
        "| 10 | 1 | 1 | 0 | 0 | 0 | 0 |",
        "| all | 5 | 2 | 1 | 1 | 0 | 1 |",
        "",
        "NON-STRICT: 6.4.3.",
        "INFORMATIONAL: 7.1.6.",
        "FAILED: 1.1.2.",
    ]


def test_the_report_of_the_runner_is_read(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    case = {"behavior": "FAILED", "behaviorClose": "OK", "duration": 1, "reportfile": "x.json"}
    index.write_text(json.dumps({"127.0.0.1:9001": {"1.1.1": case}}))
    verdicts = Verdicts.read(index, {"1": 16})
    assert verdicts.failed == ["1.1.1"]
    assert verdicts.expected == 16

"""What counts as good, and what the table says."""

import json
from pathlib import Path

import pytest

from tests.stress.autobahn.verdicts import CASES, PLAIN, Verdicts

FINE = {"1.1.1": ("OK", "OK"), "6.4.3": ("NON-STRICT", "OK"), "7.1.6": ("INFORMATIONAL",) * 2}


def test_there_are_517_cases_of_which_247_are_plain() -> None:
    assert sum(CASES.values()) == 517
    assert sum(PLAIN.values()) == 247


def test_all_there_and_none_failed_is_good() -> None:
    assert Verdicts(FINE, 3).are_good


def test_one_missing_is_not_good() -> None:
    verdicts = Verdicts(FINE, 4)
    assert not verdicts.are_good
    assert "MISSING: 1 of 4 cases." in verdicts.table()


@pytest.mark.parametrize("how", [("FAILED", "OK"), ("OK", "WRONG CODE"), ("OK", "UNCLEAN")])
def test_one_failed_in_itself_or_in_its_close_is_not_good(how: tuple[str, str]) -> None:
    verdicts = Verdicts({**FINE, "6.3.1": how}, 4)
    assert verdicts.failed == ["6.3.1"]
    assert not verdicts.are_good


def test_a_case_that_broke_is_not_good_until_it_has_been_run_again() -> None:
    verdicts = Verdicts({**FINE, "12.1.1": ("ERROR", "FAILED")}, 4)
    assert verdicts.failed == ["12.1.1"]
    assert verdicts.amended(Verdicts({"12.1.1": ("OK", "OK")}, 1)).are_good


def test_the_table_counts_each_case_once_and_names_what_is_not_ok() -> None:
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


def test_it_is_read_from_what_the_runner_wrote(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    case = {"behavior": "FAILED", "behaviorClose": "OK", "duration": 1, "reportfile": "x.json"}
    index.write_text(json.dumps({"127.0.0.1:9001": {"1.1.1": case}}))
    verdicts = Verdicts.read(index, {"1": 16})
    assert verdicts.failed == ["1.1.1"]
    assert verdicts.expected == 16

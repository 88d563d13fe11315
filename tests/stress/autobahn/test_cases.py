"""The plain cases pass, and a broken server fails them."""

import pytest

from tests.stress.autobahn.runner import run
from tests.stress.autobahn.verdicts import PLAIN


@pytest.mark.timeout(300)
def test_the_plain_cases_pass() -> None:
    verdicts = run(PLAIN)
    assert verdicts.are_good, verdicts.table()


@pytest.mark.timeout(300)
def test_a_server_that_accepts_any_bytes_as_text_fails() -> None:
    verdicts = run({"6.2": 4, "6.3": 2}, program=("-m", "tests.stress.autobahn.lax_utf8"))
    # 6.3 has invalid UTF-8, in one frame and in fragments; 6.2 has valid text.
    assert verdicts.failed == ["6.3.1", "6.3.2"]
    assert len(verdicts.cases) == 6

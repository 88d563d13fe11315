"""What axe finds in each state of the pages."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.axe import violations
from tools.stage import stage
from tools.states import STATES


def test_axe_finds_nothing_in_any_state(browser: Browser, tmp_path: Path) -> None:
    found = {}
    with stage(browser, tmp_path) as here:
        for name, bring in STATES.items():
            with here.show(bring) as page:
                found[name] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}

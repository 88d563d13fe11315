import re
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_has_one_command_for_the_server_and_one_for_the_checks() -> None:
    commands = re.findall(r"^ +python3 run\.py (\S+)$", README, re.MULTILINE)
    assert commands == ["server", "checks"]
    assert commands == [*run.STARTED]


def test_ci_runs_the_checks_as_the_readme_does() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\npython3 run.py checks || status=$?\n" in script
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "- run: python3 run.py checks " in workflow


def test_run_installs_the_versions_that_are_tested() -> None:
    assert run.INSTALLED["server"] == ("-c", str(ROOT / "constraints.txt"), f"{ROOT}[brotli]")
    nox = str(ROOT / "requirements" / "nox.txt")
    assert run.INSTALLED["checks"] == ("--require-hashes", "-r", nox)


def test_run_without_a_command_prints_its_usage() -> None:
    with pytest.raises(SystemExit, match=r"python3 run\.py server"):
        run.main()


def test_contributing_names_each_session_of_nox() -> None:
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(re.findall(r"^@nox\.session.*\ndef (\w+)", noxfile, re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sessions - {"system"} <= set(re.findall(r"`(?:python3 run\.py )?(\w+)`", contributing))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_each_file_that_a_page_links_to_exists(page: str) -> None:
    linked = re.findall(r"\]\(([\w/.-]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []

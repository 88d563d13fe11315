import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = re.compile(r"^ *(python3 -m venv \.venv && .*)$", re.MULTILINE)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    _, test_command = COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    last_line = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert last_line == test_command


def test_the_readme_installs_the_versions_that_are_tested() -> None:
    start, test = COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert "pip install -c constraints.txt " in start
    assert "pip install --require-hashes -r requirements/nox.txt " in test

"""The locked files name what pyproject.toml wants, in the versions of constraints.txt, hashed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return {
        name.replace("_", "-"): version for name, version in PIN.findall(path.read_text().lower())
    }


def test_each_group_has_a_file() -> None:
    groups = {"backend", "base", "server", *PROJECT["dependency-groups"]}
    assert {path.stem for path in FILES} == groups


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_package_has_the_tested_version_and_a_hash(path: Path) -> None:
    tested = pins(ROOT / "constraints.txt")
    locked = pins(path)
    assert locked
    assert {name: version for name, version in locked.items() if name in tested} == {
        name: tested[name] for name in locked if name in tested
    }
    text = path.read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=[a-z])", text.partition("\n    nox -s lock\n")[2] or text)
    assert [one for one in requirements if "==" in one and "--hash=sha256:" not in one] == []


def asked_for(group: str) -> set[str]:
    names = set()
    for one in PROJECT["dependency-groups"][group]:
        names |= asked_for(one["include-group"]) if isinstance(one, dict) else {name_of(one)}
    return names


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!; ]", requirement)[0].lower()


@pytest.mark.parametrize("group", PROJECT["dependency-groups"])
def test_a_group_s_file_has_all_that_it_asks_for(group: str) -> None:
    missing = asked_for(group) - pins(ROOT / f"requirements/{group}.txt").keys()
    assert not missing, f"run nox -s lock: {missing}"


def test_the_server_s_file_has_all_that_the_project_asks_for() -> None:
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    for file in ("requirements/server.txt", "requirements/base.txt"):
        asked = wanted if "server" in file else PROJECT["project"]["dependencies"]
        assert {name_of(one) for one in asked} <= pins(ROOT / file).keys()

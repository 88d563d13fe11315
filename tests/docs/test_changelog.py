"""The news fragments and the changelog that towncrier assembles from them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from trio_chat import __version__

from .pages import DOCS

ROOT = DOCS.parent
TOWNCRIER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "towncrier"
]
TYPES = {one["directory"] for one in TOWNCRIER["type"]}
NAME = re.compile(rf"[a-z0-9-]+\.({'|'.join(TYPES)})\.md")
OTHERS = {"README.md", "template.md.jinja"}
FRAGMENTS = sorted(path for path in (DOCS / "changelog.d").iterdir() if path.name not in OTHERS)
HEADING = re.compile(r"^## (\S+) - (.*)$", re.MULTILINE)


def fault_of(name: str, content: str) -> str | None:
    """Return the fault of a news fragment, or None."""
    if not NAME.fullmatch(name):
        return f"not WHAT.TYPE.md, with a TYPE of {sorted(TYPES)}"
    if not re.fullmatch(r"\S.*\.\n", content, re.DOTALL) or "\n\n" in content:
        return "not one paragraph that ends in a full stop"
    return None


def test_the_types_of_fragments_are_those_of_keep_a_changelog() -> None:
    names = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert names == TYPES


def test_each_fragment_has_a_valid_name_and_one_paragraph() -> None:
    faults = {path.name: fault_of(path.name, path.read_text("utf-8")) for path in FRAGMENTS}
    assert {name: fault for name, fault in faults.items() if fault} == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("12.bugfix.md", "A fix.\n"),
        ("12.fixed.rst", "A fix.\n"),
        ("12.fixed.1.md", "A fix.\n"),
        ("Twelve.fixed.md", "A fix.\n"),
        ("12.fixed.md", ""),
        ("12.fixed.md", "A fix\n"),
        ("12.fixed.md", "A fix.\n\nIts reason.\n"),
    ],
)
def test_a_fragment_with_a_wrong_name_or_content_is_found(name: str, content: str) -> None:
    assert fault_of(name, content) is not None


def test_the_newest_section_is_dated_and_of_this_version() -> None:
    text = (ROOT / TOWNCRIER["filename"]).read_text(encoding="utf-8")
    before, after = text.split(TOWNCRIER["start_string"])
    assert HEADING.findall(before) == []
    version, date = HEADING.findall(after)[0]
    assert version == __version__
    assert re.fullmatch(r"2\d{3}-\d\d-\d\d", date)


def test_towncrier_moves_fragments_into_a_new_section(tmp_path: Path) -> None:
    for name in ("pyproject.toml", TOWNCRIER["filename"]):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    folder = tmp_path / TOWNCRIER["directory"]
    folder.mkdir(parents=True)
    (folder / "template.md.jinja").write_bytes((ROOT / TOWNCRIER["template"]).read_bytes())
    (folder / "a.fixed.md").write_text("A defect is gone.\n")
    (folder / "b.added.md").write_text("A feature.\n")
    (folder / "c.added.md").write_text("Another\none.\n")
    build = ("-m", "towncrier", "build", "--keep", "--version", "9.9.9", "--date", "2099-01-01")
    subprocess.run([sys.executable, *build], cwd=tmp_path, check=True, capture_output=True)
    before = (ROOT / TOWNCRIER["filename"]).read_text(encoding="utf-8")
    section = (
        "\n## 9.9.9 - 2099-01-01\n\n### Added\n\n- A feature.\n- Another\n  one.\n"
        "\n### Fixed\n\n- A defect is gone.\n"
    )
    start = TOWNCRIER["start_string"]
    after = (tmp_path / TOWNCRIER["filename"]).read_text(encoding="utf-8")
    assert after == before.replace(start, start + section)

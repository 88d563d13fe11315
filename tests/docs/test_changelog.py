"""The news fragments and the changelog that towncrier assembles from them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

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


def test_the_types_of_fragments_are_those_of_keep_a_changelog() -> None:
    names = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert names == TYPES


def test_each_fragment_has_a_valid_name_and_one_paragraph() -> None:
    for path in FRAGMENTS:
        assert NAME.fullmatch(path.name), f"{path.name} is not WHAT.TYPE.md"
        content = path.read_text("utf-8")
        assert re.fullmatch(r"\S.*\.\n", content, re.DOTALL), path.name
        assert "\n\n" not in content, path.name


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

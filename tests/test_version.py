"""The version has one place: trio_chat/__init__.py."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from trio_chat import __version__

ROOT = Path(__file__).parents[1]
FOLDERS = (".ci", "docs", "static", "trio_chat")
TEXTS = {"", ".conf", ".css", ".env", ".html", ".js", ".json", ".md", ".py", ".service", ".yaml"}
PLACE = ROOT / "trio_chat" / "__init__.py"


def test_the_version_is_a_release_by_the_policy() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_package_is_built_with_the_version_of_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert ROOT / project["tool"]["hatch"]["version"]["path"] == PLACE
    assert version("trio-chat") == __version__, "install the project again"


def test_no_other_file_repeats_the_version() -> None:
    repeated = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.]\d)")
    files = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]
    for folder in FOLDERS:
        files += (path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS)
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in files
        if path.is_file() and "_build" not in path.parts
    }
    assert [path for path, text in texts.items() if repeated.search(text)] == [PLACE]

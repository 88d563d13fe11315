"""The modules, files and classes that the documentation names exist in the code."""

import importlib
import re
from pathlib import Path

import pytest

from .pages import DOCS

ROOT = DOCS.parent
PACKAGE = ROOT / "trio_chat"

PAGES = sorted(
    page
    for folder in ("explanation", "adr", "reference", "contributing")
    for page in (DOCS / folder).glob("*.md")
    if "Superseded by" not in page.read_text(encoding="utf-8")
)

WORDS = {
    word
    for folder in ("trio_chat", "static")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in {".py", ".js"}
    for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
}


HEADER_FIELDS = {"Referer"}
"""They are written like classes."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code_in(page: Path) -> list[str]:
    """Return what a page has between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8"))


@each_page
def test_files_named_on_a_page_exist(page: Path) -> None:
    named = [name for name in code_in(page) if re.fullmatch(r"[\w/]+\.(?:py|js)", name)]
    folders = (PACKAGE, ROOT, ROOT / "tests", ROOT / "static" / "js")
    missing = [name for name in named if not any((each / name).is_file() for each in folders)]
    assert not missing


@each_page
def test_modules_and_attributes_named_on_a_page_exist(page: Path) -> None:
    for name in re.findall(r"\btrio_chat\.[a-z]\w*(?:\.\w+)*\b", " ".join(code_in(page))):
        module, _, attribute = name.rpartition(".")
        if hasattr(importlib.import_module(module), attribute):
            continue
        importlib.import_module(name)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name in {"explanation", "adr"}],
    ids=lambda page: page.name,
)
def test_classes_and_functions_named_on_a_page_exist(page: Path) -> None:
    dotted = [name for name in code_in(page) if re.fullmatch(r"[A-Z]\w*[a-z]\w*(?:\.\w+)*", name)]
    parts = {part for name in dotted for part in name.split(".")}
    assert parts - HEADER_FIELDS <= WORDS, parts - HEADER_FIELDS - WORDS

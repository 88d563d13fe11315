"""The security page: each test that it names is there, and each file."""

import ast
import re
from pathlib import Path

import pytest

from .pages import DOCS, text

TESTS = DOCS.parent / "tests"
PACKAGE = DOCS.parent / "trio_chat"
PAGE = text("explanation/security.md")

NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)))


def sentences_in(file: Path) -> set[str]:
    """The names of its tests."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_it_names_tests() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_it_names_is_there(file: str, name: str) -> None:
    assert name in sentences_in(TESTS / file)


def test_a_file_that_it_names_is_there() -> None:
    files = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert files
    assert [file for file in files if not (PACKAGE / file).is_file()] == []

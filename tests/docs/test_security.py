"""The tests and files that the security pages name exist."""

import ast
import re
from pathlib import Path

import pytest

from .pages import DOCS, text

TESTS = DOCS.parent / "tests"
PACKAGE = DOCS.parent / "trio_chat"

NAMED = sorted(
    set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", text("contributing/security-tests.md")))
)


def functions_in(file: Path) -> set[str]:
    """Return the names of the functions of a file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_security_tests_are_named() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_named_security_test_exists(file: str, name: str) -> None:
    assert name in functions_in(TESTS / file)


def test_files_named_on_the_security_page_exist() -> None:
    files = set(re.findall(r"`([\w/]+\.py)`", text("explanation/security.md")))
    assert files
    assert [file for file in files if not (PACKAGE / file).is_file()] == []

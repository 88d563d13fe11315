"""One message enters few functions in few files. A failed test prints its trace."""

import re
from pathlib import Path

import pytest

from tests.one_message import Way, file_of, traced

DOCS = Path(__file__).parent.parent / "docs"

MOST_CALLS = 58
MOST_FILES = 23
"""Of the event loop's thread. Each small module on the way counts as a file."""

MOST_CALLS_OF_WRITER = 30
MOST_FILES_OF_WRITER = 10


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Way, Way]:
    """The way through the event loop, and that through the writer thread."""
    return traced(tmp_path_factory.mktemp("traced") / "chat.db")


def test_a_message_enters_few_functions_of_the_loop(ways: tuple[Way, Way]) -> None:
    loop, _ = ways
    if len(loop.calls) > MOST_CALLS or len(loop.files) > MOST_FILES:
        pytest.fail(str(loop))


def test_a_message_enters_few_functions_of_the_writer_thread(ways: tuple[Way, Way]) -> None:
    _, writer = ways
    if len(writer.calls) > MOST_CALLS_OF_WRITER or len(writer.files) > MOST_FILES_OF_WRITER:
        pytest.fail(str(writer))


def test_a_message_passes_the_files_in_the_order_of_the_page(ways: tuple[Way, Way]) -> None:
    loop, _ = ways
    page = (DOCS / "explanation" / "one-message.md").read_text(encoding="utf-8")
    named = re.findall(r"^\d+\. `([a-z_/]+\.py)`", page, re.MULTILINE)
    entered = iter(map(file_of, loop.calls))
    assert [file for file in named if file in entered] == named, str(loop)

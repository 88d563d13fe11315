"""The log lines and metrics that the operator pages name exist in the code."""

import re
from pathlib import Path

import pytest

import trio_chat
from trio_chat.metrics import Metrics

from .pages import DOCS, text

SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in Path(trio_chat.__file__).parent.rglob("*.py")
)
TABLE = text("how-to/monitor.md").split("\n## Log lines\n")[1]
EVENTS = [
    event
    for cell in re.findall(r"^\| (`.+?`) \|", TABLE, re.MULTILINE)
    for event in re.findall(r"`([^`]+)`", cell)
]


def test_the_table_names_events() -> None:
    assert len(EVENTS) > 30


@pytest.mark.parametrize("event", EVENTS)
def test_the_server_logs_each_event_of_the_table(event: str) -> None:
    assert f'"{event}"' in SOURCES


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=lambda page: page.name)
def test_the_server_has_each_metric_that_a_page_names(page: Path) -> None:
    named = set(re.findall(r"`(trio_chat_\w+)[`{]", page.read_text(encoding="utf-8")))
    shown = re.findall(r"^# TYPE (\w+) ", Metrics().text().decode(), re.MULTILINE)
    assert named - set(shown) == set()

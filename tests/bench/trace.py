"""The functions and files that one message enters, as a probe."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.figures import Figures, Results, Timing
from tests.bench.starting import Probe, Scratch
from tests.one_message import Way, traced

LOOP: Final = "one message, event loop"
WRITER: Final = "one message, writer thread"


def _trace(scratch: Scratch, _checkout: Path) -> Callable[[Timing], Results]:
    def measured(_timing: Timing) -> Results:
        ways = traced(scratch.new_folder() / "chat.db")
        return {title: _counted(way) for title, way in zip((LOOP, WRITER), ways, strict=True)}

    return measured


def _counted(way: Way) -> Figures:
    return Figures(calls=len(way.calls), files=len(way.files))


TRACE: Final = Probe("trace", "trio_chat, SQLite", frozenset({"TRACE"}), _trace)

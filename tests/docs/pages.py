"""The pages of the documentation, and the code that stands in them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def text(page: str) -> str:
    """A page as it was written, e.g. ``how-to/embed.md``."""
    return (DOCS / page).read_text(encoding="utf-8")


def code_block(page: str, language: str, first_words: str = "") -> str:
    """The one block of this language on a page that begins so.

    Raises:
        AssertionError: There is none, or more than one.
    """
    begin = rf"^```{language}\n({re.escape(first_words)}.*?)^```$"
    blocks = re.findall(begin, text(page), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language} on {page}"
    return str(blocks[0])


@contextmanager
def program(
    *arguments: str | Path, folder: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A Python program with pipes, which is ended if it has not ended by itself.

    Args:
        arguments: Python's.
        folder: Where it runs, if not here.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=folder,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process: "subprocess.Popen[str]", part: str) -> str:
    """Read what a program prints until a line has this part. A hang ends with the test's time.

    Raises:
        AssertionError: It has ended without.
    """
    assert process.stdout is not None
    for line in process.stdout:
        if part in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"it never printed {part!r}; stderr: {process.stderr.read()}")

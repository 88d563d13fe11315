"""Read the pages of the documentation, and run the programs in them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def text(page: str) -> str:
    """Return the source of a page, such as ``how-to/embed.md``."""
    return (DOCS / page).read_text(encoding="utf-8")


def code_block(page: str, language: str, start: str = "") -> str:
    """Return the one block of this language on a page that starts with these words.

    Raises:
        AssertionError: The page has no such block, or several.
    """
    pattern = rf"^```{language}\n({re.escape(start)}.*?)^```$"
    blocks = re.findall(pattern, text(page), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language} on {page}"
    return str(blocks[0])


@contextmanager
def program(
    *arguments: str | Path, folder: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python program with pipes in the block, and kill it after the block.

    Args:
        arguments: The arguments of Python.
        folder: The working directory, by default ours.
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
    """Return the next output line that contains this part. The time limit of the test ends a hang.

    Raises:
        AssertionError: The program ended before such a line.
    """
    assert process.stdout is not None
    for line in process.stdout:
        if part in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"it never printed {part!r}; stderr: {process.stderr.read()}")

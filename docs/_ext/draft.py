"""Puts towncrier's draft of the next release on the changelog page."""  # noqa: INP001 - Sphinx puts this folder on the path

import subprocess
import sys
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PAGE: Final = "changelog"
MARK: Final = "<!-- draft -->"
"""The line of the page that the draft replaces."""

_ROOT: Final = Path(__file__).parents[2]
_DRAFT: Final = ("build", "--draft", "--version", "Next", "--date", "unreleased")


def draft() -> str:
    """Return the section of the next release, in Markdown.

    Raises:
        subprocess.CalledProcessError: towncrier rejects a fragment or its configuration.
    """
    done = subprocess.run(  # noqa: S603 - the command is fixed
        [sys.executable, "-m", "towncrier", *_DRAFT],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def insert_draft(_app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the mark when Sphinx reads the page."""
    if page == PAGE:
        source[0] = source[0].replace(MARK, draft())


def always_outdated(*_: object) -> list[str]:
    """Make Sphinx read the page in each build: the fragments are no files that it watches."""
    return [PAGE]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect both to Sphinx' events."""
    app.connect("source-read", insert_draft)
    app.connect("env-get-outdated", always_outdated)
    return {"parallel_read_safe": True}

"""The command blocks of a page: fenced as ``sh``, or indented."""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from .pages import text

OTHER_LANGUAGES: Final = frozenset({"ini", "text", "toml", "yaml"})
"""Blocks of these languages are the contents of a file, not commands."""

_FENCE: Final = re.compile(r"^```(\S*)")


@frozen
class Block:
    """Lines that a reader pastes into a shell.

    Attributes:
        page: For example ``how-to/install.md``.
        line: The number of its first line.
        text: Its lines, without indentation.
    """

    page: str
    line: int
    text: str

    @property
    def first_line(self) -> str:
        """The line that identifies the block in a list of exceptions."""
        return self.text.partition("\n")[0]


def command_blocks(page: str) -> Iterator[Block]:
    """Yield the command blocks of a page, in order.

    Raises:
        AssertionError: The page has a block of an unknown language.
    """
    lines = text(page).splitlines()
    number = 0
    while number < len(lines):
        if fence := _FENCE.match(lines[number]):
            end = lines.index("```", number + 1)
            if fence[1] == "sh":
                yield Block(page, number + 2, "\n".join(lines[number + 1 : end]))
            else:
                is_known = fence[1] in OTHER_LANGUAGES or fence[1].startswith("{")
                assert is_known, f"{page}:{number + 1}: a block of {fence[1] or 'no language'}"
            number = end + 1
        elif lines[number].startswith("    ") and not lines[number - 1].strip():
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            code = "\n".join(line[4:] for line in lines[number:end]).rstrip()
            yield Block(page, number + 1, code)
            number = end
        else:
            number += 1

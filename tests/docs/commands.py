"""The command blocks of a page: fenced as ``sh``, or indented."""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from .pages import text

SHELL: Final = "sh"

OTHER_LANGUAGES: Final = frozenset({"ini", "text", "toml", "yaml"})
"""What is fenced as one of these is the content of a file."""

_FENCE: Final = re.compile(r"^```(\S*)")


@frozen
class Block:
    """Some lines that a reader pastes into a shell.

    Attributes:
        page: E.g. ``how-to/deploy.md``.
        line: The number of its first line.
        text: Its lines, not indented.
    """

    page: str
    line: int
    text: str

    @property
    def first_line(self) -> str:
        """What it is known by."""
        return self.text.partition("\n")[0]


def command_blocks(page: str) -> list[Block]:
    """Return the command blocks of a page, in order.

    Raises:
        AssertionError: A block is of a language that is not known.
    """
    return list(_blocks(page, text(page).splitlines()))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        if fence := _FENCE.match(lines[number]):
            end = lines.index("```", number + 1)
            if fence[1] == SHELL:
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

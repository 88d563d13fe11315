"""Splits JavaScript into code, comments and texts.

This is no parser. It finds where code ends and a comment, a string, a template or a regular
expression begins (ECMA-262 section 12). That is enough to find ``import`` and ``export`` at the top
level (`bundle`), and to remove comments and spaces.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from attrs import frozen

_NEXT: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\{ ?|["'`}/]""", re.DOTALL
)
_TEMPLATE_PART: Final = re.compile(r"[`}](?:[^`\\$]|\\.|\$(?!\{))*(`|\$\{)", re.DOTALL)
_REGEX: Final = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")

_NEEDLESS: Final = re.compile(r"(\n)[ \t]+|[ \t]+(?=\n)| ?([{}()\[\];,:=<>?&|!*]+) ?")
"""Spaces at the ends of a line and around signs that never join to another one: no + - . /"""

_LAST_WORD: Final = re.compile(r"([\w$]+|\S)\s*\Z")
_LOOK_BACK: Final = 40
"""Characters before a slash that are searched: room for the longest keyword and an indentation."""

_BEFORE_A_REGEX: Final = frozenset(
    (
        *("(", ",", "=", ":", "[", "!", "&", "|", "?", "{", "}", ";", "+", "-", "*", "%", "<", ">"),
        *("~", "^", "await", "case", "delete", "do", "else", "in", "instanceof", "new", "of"),
        *("return", "throw", "typeof", "void", "yield"),
    )
)
"""After anything else, a slash divides. A regular expression after ``)`` is not recognized."""


class Kind(Enum):
    """What a part of a source is. ``TEXT`` covers strings, templates and regular expressions."""

    CODE = auto()
    COMMENT = auto()
    TEXT = auto()


@frozen
class Part:
    """A part of a source.

    Attributes:
        kind: What it is.
        text: Its characters, unchanged.
        is_top: Whether it is outside all braces.
    """

    kind: Kind
    text: str
    is_top: bool


def parts(source: str) -> Iterator[Part]:
    """Yield the parts of a source in order. Joined, they are the source.

    Raises:
        ValueError: A string, a template or a brace does not end; the message names the line.
    """
    return _Splitter(source).run()


def shortened(part: Part) -> str:
    """Return a part without comments, indentation and needless spaces, with all its line ends."""
    if part.kind is Kind.COMMENT:
        return "\n" * part.text.count("\n") or " "
    if part.kind is Kind.CODE:
        return _NEEDLESS.sub(r"\1\2", part.text)
    return part.text


class _Splitter:
    def __init__(self, source: str) -> None:
        self._source = source
        self._start = 0
        self._depth = 0
        self._templates: list[int] = []
        """The depths of the open substitutions ``${…}``."""

    def run(self) -> Iterator[Part]:
        source = self._source
        position = 0
        while match := _NEXT.search(source, position):
            begin, position = match.span()
            sign = match.group()
            if sign[0] == "{":
                yield from self._code(position)
                self._depth += 1
            elif sign == "}" and self._depth not in self._templates[-1:]:
                yield from self._code(begin)
                self._depth -= 1
                if self._depth < 0:
                    raise self._error(begin, "a brace closes nothing")
            elif sign in {"`", "}"}:
                yield from self._code(begin)
                yield from self._template_part(begin)
                position = self._start
            elif sign == "/":
                regex = _REGEX.match(source, begin) if self._may_be_regex(begin) else None
                if regex is not None:
                    yield from self._code(begin)
                    position = regex.end()
                    yield self._part(Kind.TEXT, position)
            elif len(sign) == 1:
                raise self._error(begin, "a string does not end")
            else:
                yield from self._code(begin)
                kind = Kind.COMMENT if sign[0] == "/" else Kind.TEXT
                yield self._part(kind, position)
        yield from self._code(len(source))
        if self._depth > 0:
            raise self._error(len(source), "a brace stays open")

    def _part(self, kind: Kind, end: int) -> Part:
        part = Part(kind, self._source[self._start : end], self._depth == 0)
        self._start = end
        return part

    def _code(self, end: int) -> Iterator[Part]:
        if end > self._start:
            yield self._part(Kind.CODE, end)

    def _template_part(self, begin: int) -> Iterator[Part]:
        """Yield a template from its start or from a ``}`` inside, up to its end or a ``${``."""
        match = _TEMPLATE_PART.match(self._source, begin)
        if match is None:
            raise self._error(begin, "a template does not end")
        yield self._part(Kind.TEXT, match.end())
        is_start, is_end = match.group()[0] == "`", match[1] == "`"
        if is_start and not is_end:
            self._depth += 1
            self._templates.append(self._depth)
        elif is_end and not is_start:
            self._depth -= 1
            self._templates.pop()

    def _may_be_regex(self, slash: int) -> bool:
        before = _LAST_WORD.search(self._source[max(0, slash - _LOOK_BACK) : slash])
        return before is None or before[1] in _BEFORE_A_REGEX

    def _error(self, position: int, fault: str) -> ValueError:
        return ValueError(f"line {self._source.count(chr(10), 0, position) + 1}: {fault}")

"""The field by which a client offers extensions, ``Sec-WebSocket-Extensions`` (RFC 6455 9.1)."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'

# Blanks are allowed around every separator: the grammar is RFC 2616's, with its implied *LWS.
_PARAMETER: Final = re.compile(
    rf"[ \t]*;[ \t]*({_TOKEN.pattern})(?:[ \t]*=[ \t]*({_TOKEN.pattern}|{_QUOTED}))?"
)
# Empty members of a list are to be passed over (RFC 9110 section 5.6.1).
_NOTHING: Final = " \t,"
_END: Final = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)")

Parameter = tuple[str, str | None]
"""A name, and a value without its quotes, if it has one."""


@frozen
class Offer:
    """One extension as a client would have it.

    Attributes:
        name: The extension.
        parameters: In the order they came; a name may come twice, which the grammar allows.
    """

    name: str
    parameters: Sequence[Parameter]


def offers_in(lines: Iterable[bytes]) -> Sequence[Offer] | None:
    """Read the lines of the field as the one list they stand for.

    Returns:
        The offers in the client's order of preference; empty if there is no such field. None if
        the field breaks the grammar.
    """
    offers: list[Offer] = []
    is_there = False
    for line in lines:
        is_there = True
        found = _offers_of(line.decode("latin-1"))
        if found is None:
            return None
        offers.extend(found)
    return None if is_there and not offers else offers


def _offers_of(line: str) -> list[Offer] | None:
    offers: list[Offer] = []
    line = line.lstrip(_NOTHING)
    position = 0
    while position < len(line):
        name = _TOKEN.match(line, position)
        if name is None:
            return None
        position = name.end()
        parameters: list[Parameter] = []
        while parameter := _PARAMETER.match(line, position):
            value = _unquoted(parameter[2])
            if value is not None and not _TOKEN.fullmatch(value):
                return None
            parameters.append((parameter[1], value))
            position = parameter.end()
        end = _END.match(line, position)
        if end is None:
            return None
        offers.append(Offer(name[0], parameters))
        position = end.end()
    return offers


def _unquoted(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])

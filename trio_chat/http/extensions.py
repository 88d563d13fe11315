"""Negotiates permessage-deflate (RFC 7692) without context takeover.

`trio_chat.http.upgrade` parses the client's offers and answers the first acceptable one. It
replaces the negotiation of wsproto, which raises for some offers and inflates without a limit.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'

# RFC 2616 allows blanks around every separator (implied *LWS).
_PARAMETER: Final = re.compile(
    rf"[ \t]*;[ \t]*({_TOKEN.pattern})(?:[ \t]*=[ \t]*({_TOKEN.pattern}|{_QUOTED}))?"
)
# Empty members of a list are ignored (RFC 9110 section 5.6.1).
_NOTHING: Final = " \t,"
_END: Final = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)")

_NAME: Final = "permessage-deflate"
_ANSWER: Final = f"{_NAME}; server_no_context_takeover; client_no_context_takeover"

_UNDERSTOOD: Final[dict[str, frozenset[str | None]]] = {
    "server_no_context_takeover": frozenset({None}),
    "client_no_context_takeover": frozenset({None}),
    # 8 to 14 are valid, but declined: every client receives the same compressed broadcast.
    "server_max_window_bits": frozenset({"15"}),
    "client_max_window_bits": frozenset({None, *map(str, range(8, 16))}),
}
"""The parameters of an offer (RFC 7692 section 7.1), and their acceptable values."""

Parameter = tuple[str, str | None]
"""A name, and its value without quotes, if any."""


@frozen
class Offer:
    """One extension that a client offers.

    Attributes:
        name: The name of the extension.
        parameters: In the order received. The grammar allows the same name twice.
    """

    name: str
    parameters: Sequence[Parameter]


def offers_in(lines: Iterable[bytes]) -> Sequence[Offer] | None:
    """Parse the lines of ``Sec-WebSocket-Extensions`` (RFC 6455 section 9.1) as one list.

    Returns:
        The offers in the client's order of preference; empty without the field; None if the field
        violates the grammar.
    """
    offers: list[Offer] = []
    lines = list(lines)
    for line in lines:
        found = _offers_of(line.decode("latin-1"))
        if found is None:
            return None
        offers.extend(found)
    return None if lines and not offers else offers


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


def answer_to(offers: Iterable[Offer]) -> str | None:
    """Return the header that accepts the first acceptable offer of permessage-deflate.

    The client's window may have any size: ours for inflating is the largest.

    Returns:
        The value of ``Sec-WebSocket-Extensions``; None if every offer is declined.
    """
    for offer in offers:
        parameters = dict(offer.parameters)
        if (
            offer.name == _NAME
            and len(parameters) == len(offer.parameters)
            and all(value in _UNDERSTOOD.get(name, ()) for name, value in parameters.items())
        ):
            if "server_max_window_bits" in parameters:  # needs an answer (RFC 7692 7.1.2.1)
                return f"{_ANSWER}; server_max_window_bits=15"
            return _ANSWER
    return None

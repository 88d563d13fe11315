"""Checks and answers the opening handshake of a WebSocket (RFC 6455 section 4.2.1).

The handshake of trio-websocket parses the head a second time, closes some invalid connections
without an answer, and keeps cookies and tokens in memory while the connection lives. So this module
replaces it, and trio-websocket begins with the first frame.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from typing import Final

from trio_chat.http.request import Request, members, tokens, values
from trio_chat.http.response import UPGRADE_REQUIRED, WEBSOCKET_VERSION, bad_request
from trio_chat.protocol.handshake import Refusal

_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

SUBPROTOCOL: Final = b"trio-chat.v2"
"""The only subprotocol. The server selects it if the client offers it."""

_EXTENSIONS: Final = b"sec-websocket-extensions"

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""A constant of the protocol (RFC 6455 section 1.3)."""

_ASCII: Final = frozenset({b"connection", b"upgrade", b"origin"})
"""Fields that must be ASCII, besides Sec-WebSocket-…; `request` checks the host."""


def fault_of(request: Request) -> Refusal | None:
    """Return the refusal of a malformed upgrade; None for a well-formed one."""
    for name, value in request.headers:
        if (name in _ASCII or name.startswith(b"sec-websocket-")) and not value.isascii():
            return bad_request("the handshake's fields must be ASCII")
    return next(_faults(request), None)


def deflate_for(request: Request) -> str | None:
    """Return the answer to the first acceptable offer of permessage-deflate; None without one."""
    return answer_to(offers_in(values(request.headers, _EXTENSIONS)) or ())


def answer_for(request: Request) -> bytes:
    """Return the answer to a well-formed upgrade, up to the field for extensions.

    An offered subprotocol may be a token, so the answer names only our own.
    """
    (key,) = values(request.headers, b"sec-websocket-key")
    accept = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + accept,
    ]
    if SUBPROTOCOL in members(request.headers, b"sec-websocket-protocol"):
        lines.append(b"Sec-WebSocket-Protocol: " + SUBPROTOCOL)
    return b"\r\n".join(lines) + b"\r\n"


def _faults(request: Request) -> Iterator[Refusal]:
    """Yield refusals; a later check may assume that the earlier ones have passed."""
    headers = request.headers
    if request.method != b"GET" or b"websocket" not in tokens(headers, b"upgrade"):
        yield UPGRADE_REQUIRED
    if request.is_http_1_0:
        yield bad_request("an upgrade needs HTTP/1.1")
    if b"upgrade" not in tokens(headers, b"connection"):
        yield UPGRADE_REQUIRED
    versions = values(headers, b"sec-websocket-version")
    if len(versions) > 1:
        yield bad_request("Sec-WebSocket-Version was given more than once")
    if versions != [b"13"]:
        yield WEBSOCKET_VERSION
    keys = values(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        yield bad_request("exactly one Sec-WebSocket-Key of 16 bytes in base64 is needed")
    if len(values(headers, b"origin")) > 1:
        yield bad_request("Origin was given more than once")
    if offers_in(values(headers, _EXTENSIONS)) is None:
        yield bad_request("Sec-WebSocket-Extensions is malformed")


# --- permessage-deflate (RFC 7692), without context takeover -------------------------------------

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'

# RFC 2616 allows blanks around every separator (implied *LWS).
_PARAMETER: Final = re.compile(
    rf"[ \t]*;[ \t]*({_TOKEN.pattern})(?:[ \t]*=[ \t]*({_TOKEN.pattern}|{_QUOTED}))?"
)
# Empty members of a list are ignored (RFC 9110 section 5.6.1).
_NOTHING: Final = " \t,"
_END: Final = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)")

_DEFLATE: Final = "permessage-deflate"

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

Offer = tuple[str, Sequence[Parameter]]
"""An extension, and its parameters in the order received. One name may occur twice."""


def offers_in(lines: Sequence[bytes]) -> Sequence[Offer] | None:
    """Parse the lines of ``Sec-WebSocket-Extensions`` (RFC 6455 section 9.1) as one list.

    Returns:
        The offers in the client's order of preference; empty without the field; None if the field
        violates the grammar.
    """
    offers: list[Offer] = []
    line = b",".join(lines).decode("latin-1").lstrip(_NOTHING)
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
        offers.append((name[0], parameters))
        position = end.end()
    return offers if offers or not lines else None


def _unquoted(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])


def answer_to(offers: Iterable[Offer]) -> str | None:
    """Return the header that accepts the first acceptable offer of permessage-deflate, if any.

    The client's window may have any size: ours for inflating is the largest.
    """
    for name, offered in offers:
        parameters = dict(offered)
        if (
            name == _DEFLATE
            and len(parameters) == len(offered)
            and all(value in _UNDERSTOOD.get(key, ()) for key, value in parameters.items())
        ):
            # Only this parameter needs an answer (RFC 7692 section 7.1.2.1).
            window = "; server_max_window_bits=15" if "server_max_window_bits" in parameters else ""
            return f"{_DEFLATE}; server_no_context_takeover; client_no_context_takeover{window}"
    return None

"""Checks and answers the opening handshake of a WebSocket (RFC 6455 section 4.2.1).

The handshake of trio-websocket parses the head a second time, closes some invalid connections
without an answer, and keeps cookies and tokens in memory while the connection lives. So this module
replaces it, and trio-websocket begins with the first frame.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from typing import Final

from trio_chat.http.extensions import answer_to, offers_in
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

"""Checks and answers the opening handshake of a WebSocket (RFC 6455 section 4.2.1).

The handshake of trio-websocket parses the head a second time, closes some invalid connections
without an answer, and keeps cookies and tokens in memory while the connection lives. So this module
replaces it, and trio-websocket begins with the first frame.
"""

import re
from base64 import b64encode
from hashlib import sha1
from typing import Final

from trio_chat.http.bearer import subprotocols
from trio_chat.http.fields import tokens, values
from trio_chat.http.refusals import UPGRADE_REQUIRED, WEBSOCKET_VERSION, bad_request
from trio_chat.http.request import Request
from trio_chat.protocol.deflate import answer_to, offers_in
from trio_chat.protocol.handshake import SUBPROTOCOL, Refusal

_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

_SUBPROTOCOL: Final = SUBPROTOCOL.encode()

_EXTENSIONS: Final = b"sec-websocket-extensions"

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""A constant of the protocol (RFC 6455 section 1.3)."""

_READ_HERE: Final = frozenset({b"connection", b"upgrade", b"origin"})
"""Fields that must be ASCII, besides Sec-WebSocket-…; `request` checks the host."""


def fault_of(request: Request) -> Refusal | None:
    """Return the refusal of a malformed upgrade; None for a well-formed one."""
    for check in _CHECKS:
        if refusal := check(request):
            return refusal
    return None


def deflate_for(request: Request) -> str | None:
    """Return the answer to the first acceptable offer of permessage-deflate; None without one.

    It replaces the negotiation of wsproto, which raises for some offers and inflates without a
    limit.
    """
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
    if _SUBPROTOCOL in subprotocols(request):
        lines.append(b"Sec-WebSocket-Protocol: " + _SUBPROTOCOL)
    return b"\r\n".join(lines) + b"\r\n"


def _check_ascii(request: Request) -> Refusal | None:
    for name, value in request.headers:
        if (name in _READ_HERE or name.startswith(b"sec-websocket-")) and not value.isascii():
            return bad_request("the handshake's fields must be ASCII")
    return None


def _check_upgrade(request: Request) -> Refusal | None:
    if request.method != b"GET" or b"websocket" not in tokens(request.headers, b"upgrade"):
        return UPGRADE_REQUIRED
    if request.is_http_1_0:
        return bad_request("an upgrade needs HTTP/1.1")
    if b"upgrade" not in tokens(request.headers, b"connection"):
        return UPGRADE_REQUIRED
    return None


def _check_version(request: Request) -> Refusal | None:
    versions = values(request.headers, b"sec-websocket-version")
    if len(versions) > 1:
        return bad_request("Sec-WebSocket-Version was given more than once")
    return None if versions == [b"13"] else WEBSOCKET_VERSION


def _check_key(request: Request) -> Refusal | None:
    keys = values(request.headers, b"sec-websocket-key")
    if len(keys) == 1 and _KEY.fullmatch(keys[0]):
        return None
    return bad_request("exactly one Sec-WebSocket-Key of 16 bytes in base64 is needed")


def _check_origin(request: Request) -> Refusal | None:
    if len(values(request.headers, b"origin")) > 1:
        return bad_request("Origin was given more than once")
    return None


def _check_extensions(request: Request) -> Refusal | None:
    if offers_in(values(request.headers, _EXTENSIONS)) is None:
        return bad_request("Sec-WebSocket-Extensions is malformed")
    return None


_CHECKS: Final = (
    _check_ascii,
    _check_upgrade,
    _check_version,
    _check_key,
    _check_origin,
    _check_extensions,
)

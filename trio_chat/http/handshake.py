"""Whether a request for a WebSocket is well-formed (RFC 6455 section 4.2.1).

wsproto checks too, but it raises for some of what comes from outside, and trio-websocket then ends
without an answer. So whatever wsproto could refuse is refused here, with a status that says why,
and it is given a head made anew from what was checked, so that both read the same thing.
"""

import re
from typing import Final

from trio_chat.http.bearer import subprotocols
from trio_chat.http.fields import tokens, values
from trio_chat.http.refusals import UPGRADE_REQUIRED, WEBSOCKET_VERSION, bad_request
from trio_chat.http.request import Request
from trio_chat.protocol.deflate import answer_to
from trio_chat.protocol.extensions import offers_in
from trio_chat.protocol.handshake import SUBPROTOCOL, Refusal

_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

_SUBPROTOCOL: Final = SUBPROTOCOL.encode()

_EXTENSIONS: Final = b"sec-websocket-extensions"

_NOT_HANDED_ON: Final = frozenset({b"sec-websocket-protocol", _EXTENSIONS})

_READ_HERE: Final = frozenset({b"connection", b"upgrade", b"origin"})
"""Beside the host, which is held to ASCII in every request, and what begins with Sec-WebSocket."""


def fault_of(request: Request) -> Refusal | None:
    """Why this GET for a socket's path is no upgrade; None if it is a well-formed one."""
    for check in _CHECKS:
        if refusal := check(request):
            return refusal
    return None


def deflate_for(request: Request) -> str | None:
    """The answer to the first offer of permessage-deflate that can be met; None if there is none.

    It takes the place of wsproto's negotiation, which raises for some offers and inflates without
    a limit: what wsproto is told is that there are no extensions.
    """
    return answer_to(offers_in(values(request.headers, _EXTENSIONS)) or ())


def head_for_websocket(request: Request) -> bytes:
    """The head to replay to trio-websocket: what the handshake needs, and only that.

    The raw head would keep a browser's cookies and a token in wsproto's memory for as long as the
    connection lives, and wsproto reads only the last of several ``Connection`` lines. A token may
    be a subprotocol too, so of these only our own is passed on.
    """
    lines = [
        b"GET %s HTTP/1.1" % request.path.encode(),
        b"Host: " + request.host,
        b"Upgrade: websocket",
        b"Connection: Upgrade",
    ]
    lines += [
        name + b": " + value
        for name, value in request.headers
        if name.startswith(b"sec-websocket-") and name not in _NOT_HANDED_ON
    ]
    if _SUBPROTOCOL in subprotocols(request):
        lines.append(b"Sec-WebSocket-Protocol: " + _SUBPROTOCOL)
    return b"\r\n".join(lines) + b"\r\n\r\n"


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
    try:
        # wsproto decodes the host like this; a label may look like punycode and not be it.
        request.host.decode("idna")
    except ValueError:
        return bad_request("the host is malformed")
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

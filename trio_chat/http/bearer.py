"""Finds the token of a request, in one of three places.

Programs use ``Authorization: Bearer …``. A page cannot set that field on a WebSocket. It uses a
subprotocol, ``bearer.…`` beside `SUBPROTOCOL`; or, as a last resort, the query ``?token=…``, since
proxies log queries.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl

from trio_chat.http.fields import joined, values
from trio_chat.http.refusals import SEVERAL_TOKENS, bad_request
from trio_chat.http.request import Request
from trio_chat.protocol.handshake import Refusal

_SCHEME: Final = b"bearer"
_SUBPROTOCOL_PREFIX: Final = b"bearer."
_PARAMETER: Final = "token"


def find_token(request: Request) -> str | Refusal | None:
    """Return the token of a request; None without one; a refusal for several.

    Several tokens are refused even if they are equal (RFC 6750 section 2): a proxy may have checked
    another one than this server.
    """
    if not all(value.isascii() for value in values(request.headers, b"authorization")):
        return bad_request("the handshake's fields must be ASCII")
    found = [*_in_authorization(request), *_in_subprotocols(request), *_in_query(request)]
    if len(found) > 1:
        return SEVERAL_TOKENS
    return found[0] if found else None


def _in_authorization(request: Request) -> Iterator[str]:
    """Yield bearer tokens; other schemes may belong to a proxy."""
    for value in values(request.headers, b"authorization"):
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == _SCHEME:
            yield token.strip(b" ").decode("ascii")


def _in_subprotocols(request: Request) -> Iterator[str]:
    for member in subprotocols(request):
        if member.startswith(_SUBPROTOCOL_PREFIX):
            yield member.removeprefix(_SUBPROTOCOL_PREFIX).decode("ascii")


def _in_query(request: Request) -> Iterator[str]:
    fields = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    for name, value in fields:
        if name == _PARAMETER:
            yield value


def subprotocols(request: Request) -> Iterator[bytes]:
    """Yield the offered subprotocols, which unlike other tokens are case-sensitive."""
    for member in joined(request.headers, b"sec-websocket-protocol").split(b","):
        if name := member.strip(b" \t"):
            yield name

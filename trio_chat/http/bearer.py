"""Where a client may put its token: three places, and one of them at a time.

``Authorization: Bearer …`` is for programs. A page cannot set that field on a WebSocket: for it
there is a subprotocol, ``bearer.…`` beside `SUBPROTOCOL`, and the query, ``?token=…``, as a last
resort, since proxies log queries.
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
    """The token of a request; None if there is none; a refusal if there are several.

    Several are refused even if they are the same (RFC 6750 section 2): a proxy may have checked
    another one than we would.
    """
    if not all(value.isascii() for value in values(request.headers, b"authorization")):
        return bad_request("the handshake's fields must be ASCII")
    found = [*_in_authorization(request), *_in_subprotocols(request), *_in_query(request)]
    if len(found) > 1:
        return SEVERAL_TOKENS
    return found[0] if found else None


def _in_authorization(request: Request) -> Iterator[str]:
    """Other schemes are somebody else's business, a proxy's most likely."""
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
    """The subprotocols that are offered. Unlike other lists of tokens, they have a case."""
    for member in joined(request.headers, b"sec-websocket-protocol").split(b","):
        if name := member.strip(b" \t"):
            yield name

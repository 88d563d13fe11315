"""Every refusal the HTTP side decides by itself, as a table (docs/reference/http.md)."""

from typing import Final

from trio_chat.protocol.handshake import Refusal

_WEBSOCKET: Final = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
"""A 426 names the protocol to upgrade to (RFC 9110 section 15.5.22)."""

SEVERAL_TOKENS: Final = Refusal(
    400,
    "bad_request",
    "there is more than one token",
    ((b"www-authenticate", b'Bearer error="invalid_request"'),),
)
FOREIGN_ORIGIN: Final = Refusal(403, "forbidden", "this origin may not connect here")
NOT_FOUND: Final = Refusal(404, "not_found", "nothing is here")
METHOD_NOT_ALLOWED: Final = Refusal(
    405, "method_not_allowed", "only GET and HEAD work here", ((b"allow", b"GET, HEAD"),)
)
REQUEST_TIMEOUT: Final = Refusal(408, "request_timeout", "the request did not arrive in time")
TARGET_TOO_LONG: Final = Refusal(414, "target_too_long", "the target is over 8 KiB")
UPGRADE_REQUIRED: Final = Refusal(
    426, "upgrade_required", "only WebSocket upgrades work here", _WEBSOCKET
)
WEBSOCKET_VERSION: Final = Refusal(
    426,
    "upgrade_required",
    "only version 13 of the WebSocket protocol is spoken here",
    (*_WEBSOCKET, (b"sec-websocket-version", b"13")),
)
HEAD_TOO_LARGE: Final = Refusal(
    431, "head_too_large", "the head is over 16 KiB or has over 100 fields"
)

END_THE_CONNECTION: Final = frozenset({400, 408, 414, 431})
"""After these nobody can say where the next request begins, so none is read."""


def bad_request(message: str) -> Refusal:
    """A request that is malformed; ``message`` says how, in a few words for people."""
    return Refusal(400, "bad_request", message)

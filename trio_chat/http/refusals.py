"""The table of refusals of the HTTP side (docs/reference/http.md)."""

from typing import Final

from trio_chat.protocol.handshake import Refusal

_WEBSOCKET: Final = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
"""A 426 names the protocol to upgrade to (RFC 9110 section 15.5.22)."""

SEVERAL_TOKENS: Final = Refusal(
    400,
    "bad_request",
    "the request has more than one token",
    ((b"www-authenticate", b'Bearer error="invalid_request"'),),
)
FOREIGN_ORIGIN: Final = Refusal(403, "forbidden", "this origin is not allowed")
NOT_FOUND: Final = Refusal(404, "not_found", "this path does not exist")
METHOD_NOT_ALLOWED: Final = Refusal(
    405, "method_not_allowed", "only GET and HEAD are allowed", ((b"allow", b"GET, HEAD"),)
)
REQUEST_TIMEOUT: Final = Refusal(408, "request_timeout", "the request did not arrive in time")
TARGET_TOO_LONG: Final = Refusal(414, "target_too_long", "the target is over 8 KiB")
UPGRADE_REQUIRED: Final = Refusal(
    426, "upgrade_required", "this path accepts only WebSocket upgrades", _WEBSOCKET
)
WEBSOCKET_VERSION: Final = Refusal(
    426,
    "upgrade_required",
    "only WebSocket version 13 is supported",
    (*_WEBSOCKET, (b"sec-websocket-version", b"13")),
)
HEAD_TOO_LARGE: Final = Refusal(
    431, "head_too_large", "the head is over 16 KiB or has over 100 fields"
)

END_THE_CONNECTION: Final = frozenset({400, 408, 414, 431})
"""After these the start of the next request is unknown, so the connection closes."""


def bad_request(message: str) -> Refusal:
    """Return the refusal of a malformed request; ``message`` states the fault, for people."""
    return Refusal(400, "bad_request", message)

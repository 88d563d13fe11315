"""Responses, their bytes on the wire, the table of refusals, and the log of refused requests."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
import structlog
import trio
from attrs import field, frozen

from trio_chat.metrics import Metrics
from trio_chat.protocol.handshake import Refusal
from trio_chat.ratelimit import KeyedBuckets, TokenBucket, counted_address

_logger = structlog.get_logger(__name__)

Headers = tuple[tuple[bytes, bytes], ...]
"""The fields of a request, with names in lower case, or of a response: names and raw values."""

_EVERYWHERE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),  # no resource is for other sites
)


@frozen
class Response:
    """A response; `encode` adds the fields that all responses have."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


def encode(response: Response, *, head_only: bool, close: bool) -> bytes:
    """Return the response as HTTP/1.1 bytes; ``head_only`` omits the body but not its length."""
    fields = [*response.headers, *_EVERYWHERE]
    if response.status != HTTPStatus.NOT_MODIFIED:  # its length would be that of the page
        fields.append((b"content-length", b"%d" % len(response.body)))
    if close:
        fields.append((b"connection", b"close"))
    phrase = HTTPStatus(response.status).phrase.encode()
    lines = [b"HTTP/1.1 %d %s" % (response.status, phrase)]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if head_only else response.body)


# --- refusals (docs/reference/http.md) -----------------------------------------------------------

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

_LOGGED: Final = frozenset({400, 401, 403, 414, 429, 431, 503})
"""Other refusals are harmless: wrong paths, probes, idle connections of browsers."""

ADDRESS_LINES_PER_SECOND: Final = 1
ADDRESS_LINES: Final = 10
"""For one address: enough to see the cause."""

LINES_PER_SECOND: Final = 10
LINES: Final = 100
"""For all addresses: at most 3 KB a second."""


def bad_request(message: str) -> Refusal:
    """Return the refusal of a malformed request; ``message`` states the fault, for people."""
    return Refusal(400, "bad_request", message)


def from_refusal(refusal: Refusal) -> Response:
    """Return the JSON response to a refused request."""
    body = orjson.dumps({"error": {"code": refusal.code, "message": refusal.message}})
    return Response(
        refusal.status, ((b"content-type", b"application/json"), *refusal.headers), body
    )


class RefusalLog:
    """Counts refused requests, and logs those that operators need to see.

    The lines show why a client cannot connect: a foreign origin, an expired token, too many
    requests. A flood of requests must neither fill a disk nor hide other refusals. So lines have a
    rate for each address and one for all, and each line counts the lines omitted before it.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._of_address = KeyedBuckets[str](ADDRESS_LINES_PER_SECOND, ADDRESS_LINES)
        self._of_all = TokenBucket(LINES_PER_SECOND, LINES, now=0)
        self._omitted = 0

    def note(self, refusal: Refusal, address: str, fields: Mapping[str, str]) -> None:
        """Count a refusal, and log it within the rates.

        Args:
            refusal: The refusal.
            address: The client's address, as for limits.
            fields: Further fields of the line.
        """
        self._metrics.refusals.labels(reason=refusal.code).inc()
        if refusal.status not in _LOGGED:
            return
        now = trio.current_time()
        if self._of_address.take(counted_address(address), now) or self._of_all.take(now):
            self._omitted += 1
            return
        more = {"left_out": self._omitted} if self._omitted else {}
        self._omitted = 0
        fault = refusal.fault or refusal.message
        _logger.info(
            "refused", status=refusal.status, fault=fault, address=address, **fields, **more
        )

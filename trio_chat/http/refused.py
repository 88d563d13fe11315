"""Logs and counts refused requests.

The log lines show operators why a client cannot connect: a foreign origin, an expired token, too
many requests. A flood of requests must neither fill a disk nor hide other refusals. So lines have a
rate for each address and one for all, and each line counts the lines omitted before it.
"""

from typing import Final

import structlog
import trio
from attrs import frozen

from trio_chat.http.fields import values
from trio_chat.http.request import Request
from trio_chat.http.routes import SOCKET_PATHS
from trio_chat.metrics import Metrics
from trio_chat.protocol.handshake import Refusal
from trio_chat.ratelimit import KeyedBuckets, TokenBucket, counted_address

_logger = structlog.get_logger(__name__)

_LOGGED: Final = frozenset({400, 401, 403, 414, 429, 431, 503})
"""Other refusals are harmless: wrong paths, probes, idle connections of browsers."""

ADDRESS_LINES_PER_SECOND: Final = 1
ADDRESS_LINES: Final = 10
"""For one address: enough to see the cause."""

LINES_PER_SECOND: Final = 10
LINES: Final = 100
"""For all addresses: at most 3 KB a second."""

_MAX_CHARS: Final = 200
"""The longest logged value from a client; honest origins and hosts are shorter."""


@frozen
class Asked:
    """A refused request and its client.

    Attributes:
        address: The client's address, as for limits.
        peer: ``host:port`` of the socket.
        request: The request; None if it was malformed.
    """

    address: str
    peer: str
    request: Request | None = None


class Refusals:
    """Logs and counts the refusals of one server.

    Args:
        metrics: Counts each refusal.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._of_address = KeyedBuckets[str](ADDRESS_LINES_PER_SECOND, ADDRESS_LINES)
        self._of_all = TokenBucket(LINES_PER_SECOND, LINES, now=0)
        self._omitted = 0

    def note(self, refusal: Refusal, asked: Asked) -> None:
        """Count a refusal, and log it within the rates if operators need to know."""
        self._metrics.refusals.labels(reason=refusal.code).inc()
        if refusal.status not in _LOGGED:
            return
        now = trio.current_time()
        address = counted_address(asked.address)
        if self._of_address.take(address, now) or self._of_all.take(now):
            self._omitted += 1
            return
        more = {"left_out": self._omitted} if self._omitted else {}
        self._omitted = 0
        _logger.info(
            "refused",
            status=refusal.status,
            fault=refusal.fault or refusal.message,
            address=asked.address,
            peer=asked.peer,
            **_asked_for(asked.request),
            **more,
        )


def origin_of(request: Request) -> str:
    """Return the origin of a request, cut to a line; empty without one."""
    return _shown(b", ".join(values(request.headers, b"origin")))


def _asked_for(request: Request | None) -> dict[str, str]:
    """Return the fields for the log line, without secrets: no query, no unknown path."""
    if request is None:
        return {}
    about = {"host": _shown(request.host)}
    if origin := origin_of(request):
        about["origin"] = origin
    if request.path in SOCKET_PATHS:
        about["path"] = request.path
    return about


def _shown(value: bytes) -> str:
    return value[:_MAX_CHARS].decode("latin-1")

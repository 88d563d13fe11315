"""Says in the store who was refused, and why; and counts every refusal.

Who runs the server finds here why somebody is kept out: an origin that is not allowed, a token that
has ended, an address that comes too often. A flood must not fill a disk, nor hide the others: so
there is a rate for each address and one for all, and a line says how many were left out before it.
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

_SAID: Final = frozenset({400, 401, 403, 414, 429, 431, 503})
"""The others keep nobody out: wrong addresses, probes, browsers that connect in advance."""

ADDRESS_LINES_PER_SECOND: Final = 1
ADDRESS_LINES: Final = 10
"""For one address: enough to see what it is about."""

LINES_PER_SECOND: Final = 10
LINES: Final = 100
"""For all: 3 KB a second at most."""

_MAX_CHARS: Final = 200
"""Of what a client says of itself; an origin and a host are shorter, if they are honest."""


@frozen
class Asked:
    """Who was refused.

    Attributes:
        address: The client's, as for limits.
        peer: ``host:port`` of the socket.
        request: What it asked for; None if that could not be read.
    """

    address: str
    peer: str
    request: Request | None = None


class Refusals:
    """All refusals of one server.

    Args:
        metrics: Each is counted here.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._of_address = KeyedBuckets[str](ADDRESS_LINES_PER_SECOND, ADDRESS_LINES)
        self._of_all = TokenBucket(LINES_PER_SECOND, LINES, now=0)
        self._left_out = 0

    def note(self, refusal: Refusal, asked: Asked) -> None:
        """Count it, and log it if it is one to be logged and there is room for a line."""
        self._metrics.refusals.labels(reason=refusal.code).inc()
        if refusal.status not in _SAID:
            return
        now = trio.current_time()
        address = counted_address(asked.address)
        if self._of_address.take(address, now) or self._of_all.take(now):
            self._left_out += 1
            return
        more = {"left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
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
    """Which page has sent it, as far as it fits into a line; empty if none says so."""
    return _shown(b", ".join(values(request.headers, b"origin")))


def _asked_for(request: Request | None) -> dict[str, str]:
    """What was asked for, without what may be secret: a query, or a path that is none of ours."""
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

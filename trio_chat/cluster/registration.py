"""Registers this node in the store, and finds registered nodes whose envelopes do not arrive.

One database with two channels, or with two Redis servers, makes two halves of a chat that look
healthy from outside. Each node receives nothing from the other half, and cannot know why. The store
can.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
import trio
from attrs import frozen

from trio_chat.cluster.peers import HEARTBEAT_SECONDS, LEASE_SECONDS, Peers
from trio_chat.errors import Outage
from trio_chat.store.registry import NodeRegistry

_logger = structlog.get_logger(__name__)

RENEW_SECONDS: Final = 4.0
"""Interval between two renewals of the lease; each is one small commit."""

REPORT_SECONDS: Final = 2.0
"""Interval between two log reports; `Registration.last_error` is always current."""

GRACE_SECONDS: Final = 5.0
"""Maximum silence of a registered node: one that lost Redis pauses for up to 5 s."""

LIMIT_SECONDS: Final = 5.0
"""Time limit of a call of the store."""

END_SECONDS: Final = 1.0
"""Maximum wait of a stopping node for the store. Without an answer its lease expires."""

_MOST_NAMED: Final = 3


@frozen
class _Other:
    """Another registered node, in seconds on Trio's clock.

    Attributes:
        found_at: When this node first found it in the store.
        renewed_at: When it last renewed its lease.
        expires_at: When its lease ends.
    """

    found_at: float
    renewed_at: float
    expires_at: float


class Registration:
    """This node's lease, and the other nodes that have one.

    Args:
        node: The id of this node.
        registry: The leases of all nodes.
        nodes: The nodes from which envelopes arrive.
        clock: The time on Trio's clock, in seconds.
    """

    def __init__(
        self,
        node: str,
        registry: NodeRegistry,
        nodes: Peers,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._node = node
        self._registry = registry
        self._nodes = nodes
        self._clock = clock
        self._others: dict[str, _Other] = {}
        self._reported: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Keep the lease until cancelled, then end it. Survives outages of the store."""
        try:
            while True:
                await self._renew()
                next_at = self._clock() + RENEW_SECONDS
                while self._clock() < next_at:
                    await trio.sleep(REPORT_SECONDS)
                    self._report()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(END_SECONDS):
                await self._end()

    def missing(self) -> Sequence[str]:
        """Return the ids of the registered nodes whose envelopes do not arrive, in order.

        Empty while no envelopes arrive at all: the backplane reports that.
        """
        since = self._nodes.listens_since
        if since is None:
            return ()
        now = self._clock()
        return sorted(
            node
            for node, other in self._others.items()
            if now < other.expires_at
            # A killed node is silent as well, but does not renew its lease.
            and other.renewed_at
            > max(other.found_at, since, self._nodes.received_at(node) + HEARTBEAT_SECONDS)
            + GRACE_SECONDS
        )

    def last_error(self) -> str | None:
        """Return a reason while envelopes of registered nodes are missing; otherwise None."""
        missing = self.missing()
        if not missing:
            return None
        more = ", …" if len(missing) > _MOST_NAMED else ""
        return f"no envelopes from registered nodes: {', '.join(missing[:_MOST_NAMED])}{more}"

    async def _renew(self) -> None:
        try:
            with trio.move_on_after(LIMIT_SECONDS):
                self._note(await self._registry.renew_lease(self._node, LEASE_SECONDS))
        except Outage as outage:
            # The guard of the store reports an outage.
            _logger.debug("lease not renewed", reason=str(outage))

    def _note(self, left: Mapping[str, float]) -> None:
        now = self._clock()
        known = self._others
        self._others = {
            node: _Other(
                known[node].found_at if node in known else now,
                now + seconds - LEASE_SECONDS,
                now + seconds,
            )
            for node, seconds in left.items()
        }

    async def _end(self) -> None:
        try:
            await self._registry.end_lease(self._node)
        except Outage as outage:
            _logger.info("lease not ended", reason=str(outage))

    def _report(self) -> None:
        missing = frozenset(self.missing())
        for node in sorted(missing - self._reported):
            _logger.error("no envelopes from registered node", other_node=node)
        for node in sorted(self._reported - missing):
            _logger.info(
                "envelopes from registered node again, or its lease ended", other_node=node
            )
        self._reported = missing

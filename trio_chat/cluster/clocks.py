"""Compares the clocks of other nodes with this one, and reports those that differ by seconds."""

from collections.abc import Callable
from typing import Final

import structlog
from attrs import define

from trio_chat.cluster.envelope import Envelope

_logger = structlog.get_logger(__name__)

MOST_SECONDS: Final = 5.0
"""Clocks may differ by this: only the times of messages show it."""

LATE_SECONDS: Final = 30.0
"""A clock is slow only if all envelopes of this period are late: a single one may be delayed."""

FORGET_SECONDS: Final = 60.0
"""A node that is silent for this long has ended."""

_MOST_NODES: Final = 1000


@define
class _Clock:
    """The state of one node's clock.

    Attributes:
        received_at: When its last envelope arrived.
        slow_since: Since when each of its envelopes was late; None if the last was not.
        difference: By how many seconds it is ahead of this one, as far as that is certain.
    """

    received_at: float
    slow_since: float | None = None
    difference: float = 0.0

    @property
    def differs(self) -> bool:
        return abs(self.difference) > MOST_SECONDS


class Clocks:
    """The clocks of other nodes.

    Args:
        wall_ms: This node's clock: milliseconds since 1970 UTC.
    """

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._clocks: dict[str, _Clock] = {}
        self._looked_at = float("-inf")

    def largest_difference(self) -> float:
        """Return the largest difference of another clock from this one, in seconds."""
        return max((abs(clock.difference) for clock in self._clocks.values()), default=0.0)

    def compare(self, envelope: Envelope, now: float) -> None:
        """Compare the clock of an envelope's sender, and log a difference once.

        Args:
            envelope: From another node of this chat; it has just arrived.
            now: The time on Trio's clock, in seconds.
        """
        self._forget(now)
        clock = self._clocks.get(envelope.node)
        if clock is None:
            if len(self._clocks) >= _MOST_NODES:
                return
            clock = self._clocks[envelope.node] = _Clock(now)
        clock.received_at = now
        difference = (envelope.ts - self._wall_ms()) / 1000
        if difference < -MOST_SECONDS:
            if clock.slow_since is None:
                clock.slow_since = now
            if now < clock.slow_since + LATE_SECONDS:
                return
        else:
            clock.slow_since = None
        differed = clock.differs
        clock.difference = difference
        if clock.differs and not differed:
            _logger.warning(
                "clocks of nodes differ", other_node=envelope.node, seconds=round(difference, 1)
            )

    def _forget(self, now: float) -> None:
        if now < self._looked_at + FORGET_SECONDS:
            return
        self._looked_at = now
        for node, clock in tuple(self._clocks.items()):
            if now >= clock.received_at + FORGET_SECONDS:
                del self._clocks[node]

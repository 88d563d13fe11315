"""Refuses envelopes from nodes of another history, and reports them.

Two chats on one channel would mix their messages and their users. So each envelope names the
history of its sender. The history of this node's own store may change while it runs. So before the
node treats an unknown history as foreign, it asks its store which history it has now.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from trio_chat.cluster.envelope import Envelope
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics
from trio_chat.protocol.names import is_label

_logger = structlog.get_logger(__name__)

FOREIGN_SECONDS: Final = 15.0
"""Time for which this node is degraded after a foreign envelope: longer than the heartbeat interval
of the nodes."""

RECHECK_SECONDS: Final = 10.0
"""Minimum time between two queries of the store: any publisher can make up histories."""

LINE_SECONDS: Final = 10.0
"""Minimum time between two log lines, for the same reason. Each foreign node has one line."""

_MOST_EPOCHS: Final = 100
_MOST_NODES: Final = 1000
_MOST_FORMER: Final = 8


class ForeignNodes:
    """Distinguishes envelopes of this node's history from those of others.

    Args:
        epoch: Returns the epoch of the store's present history, as far as this node knows.
        recheck: Asks the store; then `epoch` is up to date. May raise `Outage`.
        metrics: Counts refused envelopes.
    """

    def __init__(
        self,
        epoch: Callable[[], str],
        recheck: Callable[[], Awaitable[object]],
        metrics: Metrics,
    ) -> None:
        self._epoch = epoch
        self._recheck = recheck
        self._metrics = metrics
        self._own = epoch()
        self._former: deque[str] = deque(maxlen=_MOST_FORMER)
        """Histories that this store had before. A node that still has one will notice soon."""
        self._unknown: dict[str, float] = {}
        """By foreign history: when its first envelope arrived."""
        self._asked_at = self._checked_at = float("-inf")
        """When the store was asked, and when it was asked and answered."""
        self._received_at = self._line_at = float("-inf")
        self._reported: dict[str, None] = {}

    def last_error(self, now: float) -> str | None:
        """Return a reason for operators while foreign nodes publish; otherwise None."""
        if now >= self._received_at + FOREIGN_SECONDS:
            return None
        return "nodes of another database are on this channel"

    def is_own(self, epoch: str) -> bool:
        """Return whether this is the history of this node's store, as far as it knows."""
        own = self._epoch()
        if own != self._own:
            self._former.append(self._own)
            self._own = own
        return epoch == own

    async def admits(self, envelope: Envelope) -> bool:
        """Return whether an envelope belongs to this node's history; count it if it does not.

        May wait for the store. A cancellation leaves the envelope uncounted.
        """
        if self.is_own(envelope.epoch):
            return True
        is_valid = is_label(envelope.epoch) and is_label(envelope.node)
        if is_valid and envelope.epoch not in self._former:
            now = trio.current_time()
            first_arrived_at = self._note(envelope.epoch, now)
            await self._check(first_arrived_at, now)
            if self.is_own(envelope.epoch):
                return True
            if self._checked_at >= first_arrived_at:
                self._report(envelope, now)
        self._metrics.foreign_envelopes.count += 1
        return False

    def _note(self, epoch: str, now: float) -> float:
        if epoch not in self._unknown and len(self._unknown) >= _MOST_EPOCHS:
            del self._unknown[next(iter(self._unknown))]
        return self._unknown.setdefault(epoch, now)

    async def _check(self, first_arrived_at: float, now: float) -> None:
        """Ask the store for its history, unless it answered since then."""
        if self._checked_at >= first_arrived_at or now < self._asked_at + RECHECK_SECONDS:
            return
        self._asked_at = now
        try:
            await self._recheck()
        except Outage:
            return
        self._checked_at = now

    def _report(self, envelope: Envelope, now: float) -> None:
        self._received_at = now
        is_new = envelope.node not in self._reported and len(self._reported) < _MOST_NODES
        if is_new and now >= self._line_at + LINE_SECONDS:
            self._line_at = now
            self._reported[envelope.node] = None
            _logger.error(
                "foreign node on the backplane",
                foreign_node=envelope.node,
                foreign_epoch=envelope.epoch,
                epoch=self._own,
            )

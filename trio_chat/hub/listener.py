"""Brings what is heard on the backplane to the hub."""

import structlog
import trio

from trio_chat.hub.clocks import Clocks
from trio_chat.hub.foreign import ForeignNodes
from trio_chat.metrics import Metrics
from trio_chat.protocol.membership import Heard, Reach, Requests
from trio_chat.protocol.nodes import BadEnvelopeError, unpack

_log = structlog.get_logger(__name__)


class HubListener:
    """Puts it into the hub's inbox; while that is full, the backplane waits.

    Satisfies `trio_chat.backplane.base.Listener`.

    Args:
        inbox: The hub's.
        metrics: What cannot be read is counted here.
        foreign: Refuses what comes from nodes of another database.
        clocks: Compares the clocks of the nodes.
    """

    def __init__(
        self, inbox: Requests, metrics: Metrics, foreign: ForeignNodes, clocks: Clocks
    ) -> None:
        self._inbox = inbox
        self._metrics = metrics
        self._foreign = foreign
        self._clocks = clocks

    async def heard(self, payload: bytes) -> None:
        """Another node has published this; what cannot be read is passed over."""
        try:
            envelope = unpack(payload)
        except BadEnvelopeError:
            if not self._metrics.bad_envelopes.count:  # whoever wants to know more has the count
                _log.warning("something else is on the backplane's channel", bytes=len(payload))
            self._metrics.bad_envelopes.count += 1
            return
        if await self._foreign.admits(envelope):
            self._clocks.hear(envelope, trio.current_time())
            await self._inbox.send(Heard(envelope))

    async def in_reach(self) -> None:
        """The hub is to find out what it has missed."""
        await self._inbox.send(Reach(is_given=True))

    async def out_of_reach(self) -> None:
        """The hub hears of nobody for now."""
        await self._inbox.send(Reach(is_given=False))

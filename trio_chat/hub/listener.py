"""Brings what is heard on the backplane to the hub."""

from collections.abc import Sequence

import structlog
import trio

from trio_chat.hub.clocks import Clocks
from trio_chat.hub.foreign import ForeignNodes
from trio_chat.metrics import Metrics
from trio_chat.protocol.membership import Heard, Reach, Requests
from trio_chat.protocol.nodes import BadEnvelopeError, Envelope, unpack

_log = structlog.get_logger(__name__)


class HubListener:
    """Puts it into the hub's inbox, and the next only when the hub has dealt with the last.

    So a turn never has more of it than the backplane gives at once. Satisfies
    `trio_chat.backplane.base.Listener`.

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
        self._done = trio.Event()
        """Whether the hub has dealt with all that was put in."""
        self._done.set()

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """Other nodes have published these; what cannot be read is passed over."""
        envelopes: list[Envelope] = []
        for payload in payloads:
            try:
                envelope = unpack(payload)
            except BadEnvelopeError:
                self._count_bad(payload)
                continue
            if await self._foreign.admits(envelope):
                self._clocks.hear(envelope, trio.current_time())
                envelopes.append(envelope)
        if not self._done.is_set():
            await self._done.wait()
        if envelopes:
            self._done = trio.Event()
            await self._inbox.send(Heard(envelopes, self._done.set))

    async def in_reach(self) -> None:
        """The hub is to find out what it has missed."""
        await self._inbox.send(Reach(is_given=True))

    async def out_of_reach(self) -> None:
        """The hub hears of nobody for now."""
        await self._inbox.send(Reach(is_given=False))

    def _count_bad(self, payload: bytes) -> None:
        if not self._metrics.bad_envelopes.count:  # the metric counts the others
            _log.warning("something else is on the backplane's channel", bytes=len(payload))
        self._metrics.bad_envelopes.count += 1

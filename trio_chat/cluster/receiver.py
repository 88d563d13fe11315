"""Puts the envelopes of other nodes into the hub's inbox.

Before this comes the backplane. After it comes `trio_chat.cluster.cluster`, which applies envelopes
in a turn of the hub.
"""

from collections.abc import Sequence
from functools import partial

import structlog
import trio

from trio_chat.cluster.clocks import Clocks
from trio_chat.cluster.cluster import Cluster
from trio_chat.cluster.envelope import BadEnvelopeError, Envelope, unpack
from trio_chat.cluster.foreign import ForeignNodes
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import InTurn
from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)


class BackplaneReceiver:
    """Puts envelopes into the inbox, and the next only once the hub has applied the last.

    So a turn never has more envelopes than the backplane gives at once. Satisfies
    `trio_chat.backplane.base.Listener`.

    Args:
        inbox: The hub's.
        cluster: Applies the envelopes.
        metrics: Counts invalid payloads.
        foreign: Refuses envelopes of another chat.
        clocks: Compares the clocks of the nodes.
    """

    def __init__(
        self,
        inbox: Inbox,
        cluster: Cluster,
        metrics: Metrics,
        foreign: ForeignNodes,
        clocks: Clocks,
    ) -> None:
        self._inbox = inbox
        self._cluster = cluster
        self._metrics = metrics
        self._foreign = foreign
        self._clocks = clocks
        self._done = trio.Event()
        """Set once the hub has applied the last envelopes."""
        self._done.set()

    def receive_nowait(self, payloads: Sequence[bytes]) -> None:
        """Put the payloads of other nodes in; skip invalid ones.

        Raises:
            trio.WouldBlock: The hub has not applied the last ones, its inbox is full, or the store
                must be asked about a sender's history. Nothing was put in.
        """
        if not self._done.is_set():
            raise trio.WouldBlock
        envelopes = [one for one in map(_unpacked, payloads) if one is not None]
        if not all(self._foreign.is_own(one.epoch) for one in envelopes):
            raise trio.WouldBlock
        if envelopes:
            done = trio.Event()
            self._inbox.send_nowait(self._request(envelopes, done))
            self._done = done
        self._note(envelopes, len(payloads) - len(envelopes))

    async def receive(self, payloads: Sequence[bytes]) -> None:
        """Put them in as `receive_nowait` does, but wait for the hub and for the store."""
        received = [one for one in map(_unpacked, payloads) if one is not None]
        envelopes = [one for one in received if await self._foreign.admits(one)]
        self._note(envelopes, len(payloads) - len(received))
        if not self._done.is_set():
            await self._done.wait()
        if envelopes:
            self._done = trio.Event()
            await self._inbox.send(self._request(envelopes, self._done))

    async def up(self) -> None:
        """Make the hub read the events that it missed."""
        await self._inbox.send(InTurn(self._cluster.connected))

    async def down(self) -> None:
        """Note that no envelopes arrive."""
        await self._inbox.send(InTurn(self._cluster.disconnected))

    def _request(self, envelopes: Sequence[Envelope], done: trio.Event) -> InTurn:
        return InTurn(partial(self._cluster.receive, envelopes, done.set))

    def _note(self, envelopes: Sequence[Envelope], invalid: int) -> None:
        """Compare the clocks of the senders, and count invalid payloads."""
        now = trio.current_time()
        for envelope in envelopes:
            self._clocks.compare(envelope, now)
        if invalid and not self._metrics.bad_envelopes.count:  # the metric counts all
            _logger.warning("invalid payload on the backplane")
        self._metrics.bad_envelopes.count += invalid


def _unpacked(payload: bytes) -> Envelope | None:
    try:
        return unpack(payload)
    except BadEnvelopeError:
        return None

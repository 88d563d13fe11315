"""Brings what is heard on the backplane to the hub."""

from collections.abc import Sequence

import structlog
import trio

from trio_chat.cluster.clocks import Clocks
from trio_chat.cluster.envelope import BadEnvelopeError, Envelope, unpack
from trio_chat.cluster.foreign import ForeignNodes
from trio_chat.hub.requests import Heard, Reach, Requests
from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)


class BackplaneReceiver:
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

    def heard_nowait(self, payloads: Sequence[bytes]) -> None:
        """Other nodes have published these; skip invalid ones.

        Raises:
            trio.WouldBlock: The hub has not dealt with the last ones, its inbox is full, or the
                store must be asked about a sender's history.
        """
        if not self._done.is_set():
            raise trio.WouldBlock
        envelopes = [one for one in map(_unpacked, payloads) if one is not None]
        if not all(self._foreign.is_own(one.epoch) for one in envelopes):
            raise trio.WouldBlock
        if envelopes:
            done = trio.Event()
            self._inbox.send_nowait(Heard(envelopes, done.set))
            self._done = done
        self._note(envelopes, len(payloads) - len(envelopes))

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """Take the same, but wait for the hub and for the store."""
        received = [one for one in map(_unpacked, payloads) if one is not None]
        envelopes = [one for one in received if await self._foreign.admits(one)]
        self._note(envelopes, len(payloads) - len(received))
        if not self._done.is_set():
            await self._done.wait()
        if envelopes:
            self._done = trio.Event()
            await self._inbox.send(Heard(envelopes, self._done.set))

    async def up(self) -> None:
        """The hub is to find out what it has missed."""
        await self._inbox.send(Reach(is_given=True))

    async def out_of_reach(self) -> None:
        """The hub hears of nobody for now."""
        await self._inbox.send(Reach(is_given=False))

    def _note(self, envelopes: Sequence[Envelope], bad: int) -> None:
        """Compare the clocks of the senders, and count the payloads that are not envelopes."""
        now = trio.current_time()
        for envelope in envelopes:
            self._clocks.hear(envelope, now)
        if bad and not self._metrics.bad_envelopes.count:  # the metric counts the others
            _logger.warning("something else is on the backplane's channel")
        self._metrics.bad_envelopes.count += bad


def _unpacked(payload: bytes) -> Envelope | None:
    try:
        return unpack(payload)
    except BadEnvelopeError:
        return None

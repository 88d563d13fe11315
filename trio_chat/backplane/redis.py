"""The backplane over Redis Pub/Sub: one channel, and one connection that publishes and receives.

A session is the life of one connection. Anything that goes wrong ends it; then nothing is received
or published until the next session. So there is no state to repair, and no half an outage.
"""

import random
import secrets
from typing import Final

import structlog
import trio

from trio_chat.backplane.address import Address
from trio_chat.backplane.base import Listener
from trio_chat.backplane.connection import LATE, Connection, connected
from trio_chat.backplane.incoming import Incoming
from trio_chat.backplane.outgoing import Outgoing
from trio_chat.backplane.resp import GREETINGS, PING, ErrorReply, Replies, greeting
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 3.0
"""Longest that Redis may take to answer. It takes less than a millisecond. Only time in which this
process runs counts: in a rush this process may be the late one."""

_TURNS: Final = 12
"""Parts of the time for an answer. A part in which the event loop stalled for seconds counts
as one part, and the bytes that arrived meanwhile are read after it."""

_MOST_TURNS: Final = 3 * _TURNS
"""The most parts, even while unread bytes wait."""

IDLE_SECONDS: Final = 4.0
"""How often the node makes sure that Redis answers. With the time for the answer, a connection that
died without a word is known to be dead after 7 s."""

FIRST_PAUSE_SECONDS: Final = 0.1
"""The least wait before another session: most outages are a restart, or one cut connection."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""A node that waits for Redis to start waits no more than this on top."""

STEADY_SECONDS: Final = 10.0
"""A session that lasted as long was well; one that did not goes on with the pauses before it. So a
Redis that accepts a connection and refuses all else is not asked ten times a second."""

FLUSH_SECONDS: Final = 1.0
"""Longest that `RedisBackplane.flush` waits."""

_ORIGIN_BYTES: Final = 9

# Two to the power of more tries is too much for a float; the longest pause is reached long before.
_MOST_DOUBLINGS: Final = 10


class RedisBackplane:
    """Nodes that share one channel of a Redis. Satisfies `trio_chat.backplane.base.Backplane`.

    Args:
        address: Where the Redis is.
        channel: The name of the channel; every node of the chat has the same, and nobody else.
        metrics: What passes, and what becomes of it, is counted here.
    """

    is_shared = True

    def __init__(self, address: Address, channel: str, metrics: Metrics) -> None:
        self.last_error: str | None = "not connected yet"
        self._address = address
        self._channel = channel.encode()
        self._metrics = metrics
        self._origin = secrets.token_urlsafe(_ORIGIN_BYTES).encode() + b" "
        """The first bytes of this node's payloads: Redis sends them back, as to everybody."""
        self._incoming = Incoming(metrics)
        self._outgoing = Outgoing(self._channel, metrics)
        self._answers = 0
        """The number of commands that Redis has answered, in all sessions."""
        self._answered = trio.lowlevel.ParkingLot()
        self._changed_at = 0.0
        """When it came in reach, or went out of it."""
        self._is_told = False
        """Whether a line of the store has said that it is out of reach."""
        self._is_refusal_told = False
        """Whether a line has reported that Redis refuses this node."""
        metrics.backplane_up.set(0)

    def publish(self, payload: bytes) -> None:
        """Send it now; while Redis is out of reach it is lost."""
        self._outgoing.put(self._origin + payload)

    async def flush(self) -> None:
        """Wait until Redis has taken all, or it was given up; `FLUSH_SECONDS` at most."""
        with trio.move_on_after(FLUSH_SECONDS):
            await self._outgoing.settle()

    async def run(self, listener: Listener) -> None:
        """Keep in touch until cancelled."""
        self._changed_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            # Beside the sessions: a slow listener has no part in their failures.
            nursery.start_soon(self._incoming.deliver, listener)
            try:
                await self._keep_in_touch()
            finally:
                self._outgoing.close()

    async def _keep_in_touch(self) -> None:
        failures = 0
        while True:
            began = trio.current_time()
            try:
                await self._session()
            except* Outage as lost:
                self._give_up(_first(lost))
            is_steady = trio.current_time() - began >= STEADY_SECONDS
            failures = 1 if is_steady else min(failures + 1, _MOST_DOUBLINGS)
            most = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            # Nodes that lost one Redis together do not come back at the same moment.
            pause = random.uniform(FIRST_PAUSE_SECONDS, most)  # noqa: S311 - no secret
            await trio.sleep(pause)

    async def _session(self) -> None:
        """Connect and subscribe, and go on until something fails.

        Raises:
            Outage: Alone or in groups.
        """
        async with connected(self._address) as connection, trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, connection)
            nursery.start_soon(connection.pay)
            answers = self._answers
            connection.send(greeting(self._address, self._channel))
            await self._wait_for_answers(answers + GREETINGS, connection)
            while True:
                await trio.sleep(IDLE_SECONDS)
                answers = self._answers
                if not self._outgoing.unanswered:
                    connection.send(PING)
                await self._wait_for_answers(answers + 1, connection)

    async def _listen(self, connection: Connection) -> None:
        replies = Replies(self._origin)
        while True:
            received = replies.take(await connection.receive())
            if received.is_subscribed:
                self._has_come(connection)
            if received.payloads:
                self._incoming.put(received.payloads)
            if received.answers:
                self._answers += received.answers
                self._outgoing.answered(received.published)
                self._answered.unpark_all()
            if self._incoming.is_half_full:
                await self._incoming.pace()

    async def _wait_for_answers(self, count: int, connection: Connection) -> None:
        """Wait until Redis has answered so many commands in all.

        Raises:
            Outage: It has not in time.
        """
        for turn in range(_MOST_TURNS):
            if turn >= _TURNS and not connection.has_unread:
                break
            with trio.move_on_after(ANSWER_SECONDS / _TURNS):
                while self._answers < count:
                    await self._answered.park()
                return
        raise Outage(LATE)

    def _has_come(self, connection: Connection) -> None:
        now = trio.current_time()
        if self._is_told:
            _logger.info("backplane reachable again", seconds=round(now - self._changed_at, 3))
        else:
            _logger.info("backplane reachable", address=str(self._address))
        self.last_error = None
        self._changed_at = now
        self._is_told = False
        self._is_refusal_told = False
        self._metrics.backplane_up.set(1)
        self._outgoing.open(connection)
        self._incoming.reach(is_given=True)

    def _give_up(self, fault: Outage) -> None:
        reason = str(fault)
        is_refusal = isinstance(fault, ErrorReply) and fault.is_refusal
        if self.last_error is None:
            self._changed_at = trio.current_time()
            self._metrics.backplane_up.set(0)
            self._metrics.backplane_outages.count += 1
            self._outgoing.close()
            self._incoming.reach(is_given=False)
        self.last_error = reason
        if not self._is_told:
            _logger.warning("backplane unreachable", address=str(self._address), reason=reason)
            self._is_told = True
            self._is_refusal_told = is_refusal
        elif is_refusal and not self._is_refusal_told:
            # An outage often begins as a restart. If Redis has come back without our user, waiting
            # does not help, and an operator must know.
            _logger.error("backplane refuses this node", address=str(self._address), reason=reason)
            self._is_refusal_told = True


def _first(lost: BaseExceptionGroup[Outage]) -> Outage:
    fault: BaseException = lost
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    assert isinstance(fault, Outage)  # noqa: S101 - as caught
    return fault

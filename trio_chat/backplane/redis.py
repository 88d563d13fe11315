"""The backplane over Redis Pub/Sub: one channel, and one connection that publishes and receives.

A session is the life of one connection. Any failure ends the session, and the node receives and
publishes nothing until the next one. So no failure leaves a partial state to repair.
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
"""Time limit of an answer, which takes less than a millisecond as a rule. Only time in which this
process runs counts: under load this process may be the late one."""

_TURNS: Final = 12
"""Parts of the time for an answer. A part in which the event loop stalled for seconds counts
as one part, and the bytes that arrived meanwhile are read after it."""

_MOST_TURNS: Final = 3 * _TURNS
"""The most parts, even while unread bytes wait."""

IDLE_SECONDS: Final = 4.0
"""Interval between two checks that Redis answers. With the time limit of the answer, the node
notices a silent connection after 7 s."""

FIRST_PAUSE_SECONDS: Final = 0.1
"""Minimum pause between sessions: most outages are a restart, or one cut connection."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Maximum pause: the longest additional wait after Redis starts."""

STEADY_SECONDS: Final = 10.0
"""A session of this length resets the pauses. So a node does not ask a Redis that accepts
connections and refuses everything else ten times a second."""

FLUSH_SECONDS: Final = 1.0
"""Maximum wait of `RedisBackplane.flush`."""

_ORIGIN_BYTES: Final = 9

# Larger powers of two overflow a float; the pause reaches its maximum long before.
_MOST_DOUBLINGS: Final = 10


class RedisBackplane:
    """Nodes that share one channel of a Redis. Satisfies `trio_chat.backplane.base.Backplane`.

    Args:
        address: The address of the Redis.
        channel: The channel of this chat; only its nodes use it.
        metrics: Count payloads and outages.
    """

    is_shared = True

    def __init__(self, address: Address, channel: str, metrics: Metrics) -> None:
        self.last_error: str | None = "not connected yet"
        self._address = address
        self._channel = channel.encode()
        self._metrics = metrics
        self._origin = secrets.token_urlsafe(_ORIGIN_BYTES).encode() + b" "
        """The first bytes of this node's payloads, which Redis also sends back to this node."""
        self._incoming = Incoming(metrics)
        self._outgoing = Outgoing(self._channel, metrics)
        self._answers = 0
        """The number of commands that Redis has answered, in all sessions."""
        self._answered = trio.lowlevel.ParkingLot()
        self._changed_at = 0.0
        """The time of the last change between up and down."""
        self._is_reported = False
        """Whether a log line has reported the outage."""
        self._is_refusal_reported = False
        """Whether a log line has reported that Redis refuses this node."""
        metrics.backplane_up.set(0)

    def publish(self, payload: bytes) -> None:
        """Publish a payload; drop it during an outage."""
        self._outgoing.put(self._origin + payload)

    async def flush(self) -> None:
        """Wait at most `FLUSH_SECONDS`, until Redis answered all payloads or they are dropped."""
        with trio.move_on_after(FLUSH_SECONDS):
            await self._outgoing.wait_until_answered()

    async def run(self, listener: Listener) -> None:
        """Connect and receive until cancelled."""
        self._changed_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            # A task of its own: a slow listener must not end a session.
            nursery.start_soon(self._incoming.deliver, listener)
            try:
                await self._run_sessions()
            finally:
                self._outgoing.close()

    async def _run_sessions(self) -> None:
        failures = 0
        while True:
            began = trio.current_time()
            try:
                await self._session()
            except* Outage as lost:
                self._note_down(_first(lost))
            is_steady = trio.current_time() - began >= STEADY_SECONDS
            failures = 1 if is_steady else min(failures + 1, _MOST_DOUBLINGS)
            most = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            # The nodes of one Redis must not reconnect at the same moment.
            pause = random.uniform(FIRST_PAUSE_SECONDS, most)  # noqa: S311 - no secret
            await trio.sleep(pause)

    async def _session(self) -> None:
        """Connect, subscribe and receive until a failure.

        Raises:
            Outage: Alone or in groups.
        """
        async with connected(self._address) as connection, trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, connection)
            nursery.start_soon(connection.send_rest)
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
                self._note_up(connection)
            if received.payloads:
                self._incoming.put(received.payloads)
            if received.answers:
                self._answers += received.answers
                self._outgoing.answered(received.published)
                self._answered.unpark_all()
            if self._incoming.is_half_full:
                await self._incoming.pace()

    async def _wait_for_answers(self, count: int, connection: Connection) -> None:
        """Wait until Redis has answered this total number of commands.

        Raises:
            Outage: It did not answer in time.
        """
        for turn in range(_MOST_TURNS):
            if turn >= _TURNS and not connection.has_unread:
                break
            with trio.move_on_after(ANSWER_SECONDS / _TURNS):
                while self._answers < count:
                    await self._answered.park()
                return
        raise Outage(LATE)

    def _note_up(self, connection: Connection) -> None:
        now = trio.current_time()
        if self._is_reported:
            _logger.info("backplane reachable again", seconds=round(now - self._changed_at, 3))
        else:
            _logger.info("backplane reachable", address=str(self._address))
        self.last_error = None
        self._changed_at = now
        self._is_reported = False
        self._is_refusal_reported = False
        self._metrics.backplane_up.set(1)
        self._outgoing.open(connection)
        self._incoming.note_connection(is_up=True)

    def _note_down(self, fault: Outage) -> None:
        reason = str(fault)
        is_refusal = isinstance(fault, ErrorReply) and fault.is_refusal
        if self.last_error is None:
            self._changed_at = trio.current_time()
            self._metrics.backplane_up.set(0)
            self._metrics.backplane_outages.count += 1
            self._outgoing.close()
            self._incoming.note_connection(is_up=False)
        self.last_error = reason
        if not self._is_reported:
            _logger.warning("backplane unreachable", address=str(self._address), reason=reason)
            self._is_reported = True
            self._is_refusal_reported = is_refusal
        elif is_refusal and not self._is_refusal_reported:
            # Waiting does not help if Redis restarted without our user: the operator must know.
            _logger.error("backplane refuses this node", address=str(self._address), reason=reason)
            self._is_refusal_reported = True


def _first(lost: BaseExceptionGroup[Outage]) -> Outage:
    fault: BaseException = lost
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    assert isinstance(fault, Outage)  # noqa: S101 - as caught
    return fault

"""The backplane over Redis Pub/Sub: one channel, one connection that listens, one that speaks.

A session has both, in a pool of its own. Whatever happens to one of them ends it: then nothing is
heard or said until the next session, and all that waited has been thrown away. So there is no
state to be repaired, and no half an outage. (A pool of coredis also loses a place for good with
each connection that dies while it is used.)
"""

import logging
import math
import secrets
import select
import ssl
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Final

import anyio
import structlog
import trio
from anyio.abc import SocketAttribute
from coredis import ConnectionPool
from coredis.connection import BaseConnection, TCPConnection, TCPLocation
from coredis.exceptions import AuthenticationError, AuthorizationError, RedisError
from coredis.exceptions import ConnectionError as LostError
from coredis.patterns.pubsub import PubSub
from coredis.retry import ExponentialBackoffRetryPolicy, NoRetryPolicy

from trio_chat.backplane.address import Address
from trio_chat.backplane.base import Listener
from trio_chat.backplane.incoming import Incoming
from trio_chat.backplane.outgoing import Outgoing
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics

_log = structlog.get_logger(__name__)

CONNECT_SECONDS: Final = 3.0
"""Longest that a connection may take to be made, its TLS handshake included."""

ANSWER_SECONDS: Final = 3.0
"""Longest that Redis may take for one answer. It takes less than a millisecond. Only time in which
this process runs counts: in a rush this process may be the late one."""

_TURNS: Final = 12
"""Parts of the time for an answer. A part in which the event loop stood still for seconds counts
as one part, and the bytes that arrived meanwhile are read after it."""

_MOST_TURNS: Final = 3 * _TURNS
"""The most parts, even while unread bytes wait."""

IDLE_SECONDS: Final = 4.0
"""How often each of the two connections is asked whether it is there. With the time for the answer,
one that has gone without a word is known to have after 7 s."""

FIRST_PAUSE_SECONDS: Final = 0.1
"""The least wait before another session: most outages are a restart, or one cut connection."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Who waits for Redis to start waits no more than this on top."""

STEADY_SECONDS: Final = 10.0
"""A session that lasted as long was well; one that did not goes on with the pauses before it. So a
Redis that lets in and refuses all else is not asked ten times a second."""

FLUSH_SECONDS: Final = 1.0
"""Longest that `RedisBackplane.flush` waits."""

_ORIGIN_BYTES: Final = 9

# Two to the power of more tries is too much for a float; the longest pause is reached long before.
_MOST_DOUBLINGS: Final = 10

_BACKOFF: Final = ExponentialBackoffRetryPolicy(
    (), None, base_delay=FIRST_PAUSE_SECONDS, max_delay=LONGEST_PAUSE_SECONDS, jitter=True
)

# anyio is what coredis is built on, and lets through.
_CUT: Final = (
    LostError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)

_REFUSALS: Final = (AuthenticationError, AuthorizationError)

_LOST: Final = (Outage, RedisError, OSError, *_CUT)

# It logs a traceback for each try; what is wrong is said by us, in one line, once.
logging.getLogger("coredis").setLevel(logging.CRITICAL)


class RedisBackplane:
    """Nodes that have one channel of a Redis. Satisfies `trio_chat.backplane.base.Backplane`.

    Args:
        address: Where the Redis is.
        channel: The name of the channel; every node of the chat has the same, and nobody else.
        metrics: What passes, and what becomes of it, is counted here.
        pool_size: Most connections at the same time, 2 at least.
    """

    is_shared = True

    def __init__(
        self, address: Address, channel: str, metrics: Metrics, *, pool_size: int = 4
    ) -> None:
        self.trouble: str | None = "not connected yet"
        self._address = address
        self._channel = channel
        self._metrics = metrics
        self._pool_size = pool_size
        self._origin = secrets.token_urlsafe(_ORIGIN_BYTES).encode() + b" "
        """What this one's payloads begin with: Redis sends them back, as to everybody."""
        self._incoming = Incoming(metrics)
        self._outgoing = Outgoing(metrics)
        self._changed_at = 0.0
        """When it came in reach, or went out of it."""
        self._is_told = False
        """Whether a line of the log has said that it is out of reach."""
        self._is_refusal_told = False
        """Whether a line has reported that Redis refuses this node."""
        metrics.backplane_in_reach.set(0)

    def publish(self, payload: bytes) -> None:
        """Have it sent; while Redis is out of reach it is lost."""
        self._outgoing.put(self._origin + payload)

    async def flush(self) -> None:
        """Wait until all was sent or given up, `FLUSH_SECONDS` at most."""
        with trio.move_on_after(FLUSH_SECONDS):
            await self._outgoing.settle()

    async def run(self, listener: Listener) -> None:
        """Keep in touch until cancelled."""
        self._changed_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            # Beside the sessions: who listens may be slow, and has no part in their failures.
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
            except* _LOST as lost:
                # Whoever is cancelled has cut its connections itself.
                if trio.current_effective_deadline() > trio.current_time():
                    self._give_up(_innermost(lost))
            is_steady = trio.current_time() - began >= STEADY_SECONDS
            failures = 1 if is_steady else min(failures + 1, _MOST_DOUBLINGS)
            await trio.sleep(_BACKOFF.delay(failures))

    async def _session(self) -> None:
        """Connect, and then listen and speak until something is lost, and raise that."""
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(self._pool())
            speaker = await stack.enter_async_context(pool.acquire())
            subscription: PubSub[bytes] = PubSub(
                pool,
                ignore_subscribe_messages=True,
                retry_policy=NoRetryPolicy(),
                channels=[self._channel],
                subscription_timeout=ANSWER_SECONDS,
                max_idle_seconds=math.inf,  # we ask, see below
            )
            await stack.enter_async_context(subscription)
            nursery = await stack.enter_async_context(trio.open_nursery())
            self._has_come()
            nursery.start_soon(self._speak, speaker)
            nursery.start_soon(_ask_now_and_then, subscription.connection)
            await self._listen(subscription)

    def _pool(self) -> ConnectionPool[BaseConnection]:
        return ConnectionPool(
            connection_class=TCPConnection,
            location=TCPLocation(self._address.host, self._address.port),
            max_connections=self._pool_size,
            timeout=CONNECT_SECONDS + ANSWER_SECONDS,
            connect_timeout=CONNECT_SECONDS,
            stream_timeout=ANSWER_SECONDS,
            username=self._address.username,
            password=self._address.password,
            ssl_context=self._address.tls,
        )

    async def _listen(self, subscription: PubSub[bytes]) -> None:
        while True:
            # Not ``async for``: that just ends when the connection does.
            message = await subscription.get_message()
            if message is None:
                continue
            data = message["data"]
            # Never waits, so nothing piles up in coredis, which has no bound.
            if isinstance(data, bytes) and not data.startswith(self._origin):
                origin, blank, payload = data.partition(b" ")
                self._incoming.put(payload if blank else origin)

    async def _speak(self, connection: BaseConnection) -> None:
        while True:
            with trio.move_on_after(IDLE_SECONDS):
                await self._outgoing.wait()
            taken = self._outgoing.take()
            if not taken:
                await _answer(connection, _request(connection, b"PING"))
            # All of them are on their way before the first answer is waited for.
            for request in [
                _request(connection, b"PUBLISH", self._channel, payload) for payload in taken
            ]:
                await _answer(connection, request)
            self._outgoing.sent()

    def _has_come(self) -> None:
        now = trio.current_time()
        if self._is_told:
            _log.info("backplane in reach again", seconds=round(now - self._changed_at, 3))
        else:
            _log.info("backplane in reach", address=str(self._address))
        self.trouble = None
        self._changed_at = now
        self._is_told = False
        self._is_refusal_told = False
        self._metrics.backplane_in_reach.set(1)
        self._outgoing.open()
        self._incoming.reach(is_given=True)

    def _give_up(self, fault: BaseException) -> None:
        reason = _reason(fault)
        if self.trouble is None:
            self._changed_at = trio.current_time()
            self._metrics.backplane_in_reach.set(0)
            self._metrics.backplane_outages.count += 1
            self._outgoing.close()
            self._incoming.reach(is_given=False)
        self.trouble = reason
        if not self._is_told:
            _log.warning("backplane out of reach", address=str(self._address), reason=reason)
            self._is_told = True
            self._is_refusal_told = isinstance(fault, _REFUSALS)
        elif isinstance(fault, _REFUSALS) and not self._is_refusal_told:
            # An outage often begins as a restart. If Redis has come back without our user, waiting
            # does not help, and an operator must know.
            _log.error("backplane refuses this node", address=str(self._address), reason=reason)
            self._is_refusal_told = True


async def _ask_now_and_then(connection: BaseConnection) -> None:
    while True:
        await trio.sleep(IDLE_SECONDS)
        await _answer(connection, _request(connection, b"PING"))


def _request(
    connection: BaseConnection, command: bytes, *arguments: str | bytes
) -> Awaitable[object]:
    # What is wrong is given back: it may be any exception that came up in the connection's tasks.
    # And we time it.
    return connection.create_request(command, *arguments, raise_exceptions=False, timeout=math.inf)


async def _answer(connection: BaseConnection, request: Awaitable[object]) -> None:
    """Wait for an answer.

    Raises:
        Outage: There is none in time, or it is an error.
    """
    for turn in range(_MOST_TURNS):
        if turn >= _TURNS and not _has_unread(connection):
            break
        with trio.move_on_after(ANSWER_SECONDS / _TURNS):
            answer = await request  # can be awaited again
            if isinstance(answer, BaseException):
                raise Outage("a request has failed") from answer
            return
    raise Outage("it did not answer in time")


def _has_unread(connection: BaseConnection) -> bool:
    """Whether unread bytes of Redis wait on the connection."""
    if connection.stream is None:
        return False
    poll = select.poll()
    socket = connection.stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - it is no Django
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _innermost(lost: BaseException) -> BaseException:
    """Return the first cause of an exception."""
    while isinstance(lost, BaseExceptionGroup):
        lost = lost.exceptions[0]
    while lost.__cause__ is not None:
        lost = lost.__cause__
    return lost


def _reason(lost: BaseException) -> str:
    """Say in a few words what has happened."""
    if isinstance(lost, ssl.SSLCertVerificationError):
        return f"its certificate is no good: {lost.verify_message}"
    if isinstance(lost, TimeoutError) and not lost.strerror:
        return "it did not answer in time"
    if isinstance(lost, OSError) and lost.strerror:
        return lost.strerror
    if type(lost) in _CUT:
        return "the connection was lost"
    return str(lost) or type(lost).__name__

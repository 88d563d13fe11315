"""Accepts upgrades, serves their connections, and drains them at shutdown.

Before this comes `trio_chat.http`, which checks the request; after it
`trio_chat.websocket.connection`.
"""

import math
from typing import Final

import attrs
import structlog
import trio

from trio_chat.access.tokens import BadToken, Fault, Verifier
from trio_chat.backplane.counts import ConnectionCounts
from trio_chat.context import Context
from trio_chat.cuts import CutDetector
from trio_chat.hub.hub import Hub
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Refusal, Upgrade
from trio_chat.protocol.messages import Reconnect
from trio_chat.ratelimit import counted_address
from trio_chat.store.base import Store
from trio_chat.websocket.chat import Chat, Shared
from trio_chat.websocket.connection import ABNORMAL, Connection
from trio_chat.websocket.echo import Conversation, Echo
from trio_chat.websocket.history import HistoryReader
from trio_chat.websocket.limits import Limits
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import Transport

_logger = structlog.get_logger(__name__)

ECHO_PATH: Final = "/ws/echo"

# RFC 6750 section 3.
_INVALID_TOKEN: Final = b'Bearer error="invalid_token", error_description="%s"'

# Retry-After while the server cannot accept connections: about the duration of a deploy.
_RETRY_SECONDS: Final = 5

# Draining a thousand clients takes 8 s, of the 10 s for a shutdown.
_SPREAD_SECONDS: Final = 0.01
_MAX_SPREAD_SECONDS: Final = 8.0


class Endpoint:
    """All WebSockets of the server.

    Args:
        context: The context of the server.
        hub: The hub, whose inbox reads the connections.
        store: The store, to read histories.
        verifier: Verifies tokens; None if the server requires none.
        nodes: The other nodes, which may have connections of a user; None without other nodes.

    Attributes:
        is_draining: Whether the endpoint refuses all upgrades.
        timers: Must run as long as `serve` does.
    """

    def __init__(
        self,
        context: Context,
        hub: Hub,
        store: Store,
        *,
        verifier: Verifier | None = None,
        nodes: ConnectionCounts | None = None,
    ) -> None:
        self.is_draining = False
        self.timers = TimerWheel()
        self._context = context
        self._inbox = hub.inbox
        self._limits = Limits(context.settings, nodes)
        reader = HistoryReader(store, hub.recent, context)
        self._shared = Shared(context, hub.inbox, reader, self._limits, hub.names, verifier)
        self._cuts = CutDetector(context.settings.ping_interval_seconds)
        self._connections: set[Connection] = set()
        self._all_gone = trio.Event()
        context.metrics.watch_queues(
            lambda: sum(connection.outbox.waiting_frames for connection in self._connections)
        )

    def admit(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        """Return the upgrade to serve, with the identity that its token proves, or a refusal."""
        if self.is_draining:
            return _unavailable("The server is shutting down")
        if len(self._connections) >= self._context.settings.max_connections:
            return _unavailable("The server has no free connections")
        address = counted_address(upgrade.address)
        wait = self._limits.upgrades.take(address, trio.current_time())
        if wait:
            headers = ((b"Retry-After", b"%d" % math.ceil(wait)),)
            return Refusal(429, "rate_limited", "Too many connections from this address", headers)
        return self._identify(upgrade, token)

    async def serve(self, transport: Transport, upgrade: Upgrade) -> None:
        """Answer an upgrade from `admit`, serve it until it ends, and close the transport."""
        settings, metrics = self._context.settings, self._context.metrics
        # Otherwise the kernel hides megabytes of backlog from the send queue.
        transport.limit_send_buffer(settings.send_buffer_bytes)
        is_echo = upgrade.path == ECHO_PATH
        connection = Connection(
            transport,
            upgrade,
            self._context,
            self._inbox,
            self.timers,
            frame_rate=0 if is_echo else settings.frame_rate,
        )
        logger = _logger.bind(address=upgrade.address, peer=upgrade.peer, path=upgrade.path)

        def note_user(name: str) -> None:
            nonlocal logger
            logger = logger.bind(user=name)
            logger.info("joined")

        conversation: Conversation
        if is_echo:
            conversation = Echo(connection)
        else:
            conversation = Chat(connection, self._shared, upgrade.identity, note_user)
        self._connections.add(connection)
        metrics.connects.count += 1
        metrics.connections.set(len(self._connections))
        opened = trio.current_time()
        known = {"origin": upgrade.origin} if upgrade.origin else {}
        if upgrade.identity is not None:
            known["user"] = upgrade.identity.name.shown
        logger.info("connected", **known)
        code: int | None = None
        try:
            code = await connection.run(conversation)
        finally:
            self._connections.discard(connection)
            metrics.connections.set(len(self._connections))
            if not self._connections:
                self._all_gone.set()
            now = trio.current_time()
            logger.info("disconnected", code=code, seconds=round(now - opened, 3))
            if code == ABNORMAL and (age := self._cuts.cut(now - opened, now)) is not None:
                _logger.warning(
                    "proxy may be cutting idle connections",
                    seconds=round(age, 1),
                    ping_interval=settings.ping_interval_seconds,
                )

    async def drain(self) -> None:
        """Close all connections, and wait until they have ended.

        Plain connections close at once with 1001. Version 2 clients receive the time of their close
        (1012). The times are spread, so the clients do not all reconnect at the same moment.

        A cancellation leaves the remaining connections open.
        """
        self.is_draining = True
        self._all_gone = trio.Event()
        begun = trio.current_time()
        connections = tuple(self._connections)
        spread = min(_MAX_SPREAD_SECONDS, _SPREAD_SECONDS * len(connections))
        leaving: list[tuple[float, Connection]] = []
        for number, connection in enumerate(connections):
            after = spread * number / len(connections)
            news = connection.conversation.announce(Reconnect(round(after * 1000)))
            if news is None:
                connection.end(CloseCode.GOING_AWAY)
            else:
                connection.outbox.offer([news], news)
                leaving.append((begun + after, connection))
        for at, connection in leaving:
            await trio.sleep_until(at)
            connection.end(CloseCode.RESTART)
        if self._connections:
            await self._all_gone.wait()

    def _identify(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        verifier = self._shared.verifier
        if verifier is None:
            return upgrade
        if token is None:
            return _unauthorized("This server requires a token", b"Bearer", fault="no token")
        try:
            identity = verifier.verify(token, self._context.wall_ms() / 1000)
        except BadToken as bad:
            # The answer reveals only that a valid token has expired.
            message = "The token has expired" if bad.fault is Fault.EXPIRED else "Invalid token"
            challenge = _INVALID_TOKEN % message.encode()
            return _unauthorized(message, challenge, fault=bad.fault.value)
        return attrs.evolve(upgrade, identity=identity)


def _unavailable(message: str) -> Refusal:
    return Refusal(503, "unavailable", message, ((b"Retry-After", b"%d" % _RETRY_SECONDS),))


def _unauthorized(message: str, challenge: bytes, *, fault: str) -> Refusal:
    headers = ((b"WWW-Authenticate", challenge),)
    return Refusal(401, "unauthorized", message, headers, fault)

"""Where upgrades become connections: who may come in, who is here, and how all are sent away."""

import math
from collections.abc import Callable

import structlog
import trio

from trio_chat.log.base import Log
from trio_chat.metrics import Metrics
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.handshake import Refusal, Upgrade
from trio_chat.protocol.membership import Request
from trio_chat.settings import Settings
from trio_chat.websocket.chat import ChatConversation
from trio_chat.websocket.connection import Connection, Conversation
from trio_chat.websocket.echo import EchoConversation
from trio_chat.websocket.limits import Limits
from trio_chat.websocket.transport import Transport

_log = structlog.get_logger(__name__)

ECHO_PATH = "/ws/echo"

# What a client is told that comes too early or too late; a deploy takes about as long.
_RETRY_SECONDS = 5


class Endpoint:
    """All WebSockets of the server.

    Args:
        settings: Limits and intervals.
        inbox: The hub's.
        log: Where histories are read.
        metrics: What connections count goes here.
        wall_ms: Milliseconds since 1970 UTC.
    """

    def __init__(
        self,
        settings: Settings,
        inbox: trio.MemorySendChannel[Request],
        log: Log,
        metrics: Metrics,
        *,
        wall_ms: Callable[[], int],
    ) -> None:
        self.is_draining = False
        """Whether nobody is let in any more."""
        self._settings = settings
        self._inbox = inbox
        self._log = log
        self._metrics = metrics
        self._wall_ms = wall_ms
        self._limits = Limits(settings)
        self._connections: set[Connection] = set()
        self._all_gone = trio.Event()
        metrics.watch_queues(
            lambda: sum(connection.outbox.waiting_frames for connection in self._connections)
        )

    def admit(self, upgrade: Upgrade) -> Refusal | None:
        """Whether a client may come in; None means yes, and `serve` is to be called at once."""
        if self.is_draining:
            return _unavailable("The server is shutting down")
        if len(self._connections) >= self._settings.max_connections:
            return _unavailable("The server has as many connections as it may have")
        wait = self._limits.upgrades.take(upgrade.address, trio.current_time())
        if wait:
            return Refusal(
                429,
                "rate_limited",
                "Too many connections from this address",
                ((b"Retry-After", b"%d" % math.ceil(wait)),),
            )
        return None

    async def serve(self, transport: Transport, upgrade: Upgrade) -> None:
        """Serve one WebSocket until it ends, and close its transport.

        Args:
            transport: Nothing has been answered on it yet.
            upgrade: What `admit` let in.
        """
        # The kernel would hide megabytes of backlog from the send queue otherwise.
        transport.limit_send_buffer(self._settings.send_buffer_bytes)
        is_echo = upgrade.path == ECHO_PATH
        connection = Connection(
            transport,
            upgrade,
            self._settings,
            self._metrics,
            frame_rate=0 if is_echo else self._settings.frame_rate,
        )
        conversation: Conversation = (
            EchoConversation(connection.outbox) if is_echo else self._chat(connection)
        )
        log = _log.bind(address=upgrade.address, peer=upgrade.peer, path=upgrade.path)
        self._connections.add(connection)
        self._metrics.connects.inc()
        self._metrics.connections.set(len(self._connections))
        opened = trio.current_time()
        log.info("connected")
        code: int | None = None
        try:
            code = await connection.run(conversation)
        finally:
            self._connections.discard(connection)
            self._metrics.connections.set(len(self._connections))
            if not self._connections:
                self._all_gone.set()
            log.info("disconnected", code=code, seconds=round(trio.current_time() - opened, 3))

    async def drain(self, code: CloseCode) -> None:
        """Close every connection and wait until all are gone.

        A cancellation leaves the ones that are still there closing.
        """
        self.is_draining = True
        self._all_gone = trio.Event()
        for connection in tuple(self._connections):
            connection.end(code)
        if self._connections:
            await self._all_gone.wait()

    def _chat(self, connection: Connection) -> ChatConversation:
        return ChatConversation(
            connection,
            inbox=self._inbox,
            log=self._log,
            limits=self._limits,
            settings=self._settings,
            metrics=self._metrics,
            wall_ms=self._wall_ms,
        )


def _unavailable(message: str) -> Refusal:
    return Refusal(503, "unavailable", message, ((b"Retry-After", b"%d" % _RETRY_SECONDS),))

"""Where upgrades become connections: who may come in, who is here, and how all are sent away."""

import math
from collections.abc import Callable

import attrs
import structlog
import trio

from trio_chat.access.tokens import BadToken, Fault, Verifier
from trio_chat.hub.requests import Names, OtherNodes, Requests
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Identity, Refusal, Upgrade
from trio_chat.ratelimit import counted_address
from trio_chat.settings import Settings
from trio_chat.store.base import Store
from trio_chat.store.recent import RecentPages
from trio_chat.websocket.chat import ChatConversation
from trio_chat.websocket.connection import ABNORMAL, Connection
from trio_chat.websocket.conversation import Conversation
from trio_chat.websocket.cuts import CutDetector
from trio_chat.websocket.echo import EchoConversation
from trio_chat.websocket.history_reader import HistoryReader
from trio_chat.websocket.limits import Limits
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import Transport

_logger = structlog.get_logger(__name__)

ECHO_PATH = "/ws/echo"

# RFC 6750 section 3.
_INVALID_TOKEN = b'Bearer error="invalid_token", error_description="%s"'

# What a client is told that comes too early or too late; a deploy takes about as long.
_RETRY_SECONDS = 5


# A server with a thousand clients is empty in 8 s, within the 10 s that a shutdown may take.
_SPREAD_SECONDS = 0.01
_MAX_SPREAD_SECONDS = 8.0


class Endpoint:
    """All WebSockets of the server.

    Args:
        settings: Limits and intervals.
        inbox: The hub's.
        store: Where histories are read.
        recent: What the hub keeps in memory of it.
        metrics: What connections count goes here.
        names: Gives the displayed form of each user.
        wall_ms: Milliseconds since 1970 UTC.
        verifier: Checks tokens; None lets anybody in.
        nodes: Where a user may have connections, too; None if there are no other nodes.
    """

    def __init__(  # noqa: PLR0913 - given once, by the composition root
        self,
        settings: Settings,
        inbox: Requests,
        store: Store,
        recent: RecentPages,
        metrics: Metrics,
        *,
        names: Names,
        wall_ms: Callable[[], int],
        verifier: Verifier | None = None,
        nodes: OtherNodes | None = None,
    ) -> None:
        self.is_draining = False
        """Whether nobody is let in any more."""
        self.timers = TimerWheel()
        """To be run as long as `serve` is."""
        self._settings = settings
        self._inbox = inbox
        self._reader = HistoryReader(store, recent, settings, wall_ms)
        self._metrics = metrics
        self._names = names
        self._wall_ms = wall_ms
        self._verifier = verifier
        self._limits = Limits(settings, nodes)
        self._cuts = CutDetector(settings.ping_interval_seconds)
        self._connections: set[Connection] = set()
        self._all_gone = trio.Event()
        metrics.watch_queues(
            lambda: sum(connection.outbox.waiting_frames for connection in self._connections)
        )

    def admit(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        """Whether a client may come in.

        Args:
            upgrade: What it asks for.
            token: What it has brought; it is not kept.

        Returns:
            The upgrade to be served, at once, with who the client is; or why there is none.
        """
        if self.is_draining:
            return _unavailable("The server is shutting down")
        if len(self._connections) >= self._settings.max_connections:
            return _unavailable("The server has as many connections as it may have")
        address = counted_address(upgrade.address)
        wait = self._limits.upgrades.take(address, trio.current_time())
        if wait:
            return Refusal(
                429,
                "rate_limited",
                "Too many connections from this address",
                ((b"Retry-After", b"%d" % math.ceil(wait)),),
            )
        return self._identify(upgrade, token)

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
            inbox=self._inbox,
            timers=self.timers,
            frame_rate=0 if is_echo else self._settings.frame_rate,
            seconds_to_live=self._seconds_left(upgrade.identity),
        )
        logger = _logger.bind(address=upgrade.address, peer=upgrade.peer, path=upgrade.path)

        def note_user(name: str) -> None:
            nonlocal logger
            logger = logger.bind(user=name)
            logger.info("joined")

        conversation = (
            EchoConversation(connection)
            if is_echo
            else self._chat(connection, upgrade.identity, note_user)
        )
        self._connections.add(connection)
        self._metrics.connects.count += 1
        self._metrics.connections.set(len(self._connections))
        opened = trio.current_time()
        logger.info("connected", **_who_and_whence(upgrade))
        code: int | None = None
        try:
            code = await connection.run(conversation)
        finally:
            self._connections.discard(connection)
            self._metrics.connections.set(len(self._connections))
            if not self._connections:
                self._all_gone.set()
            now = trio.current_time()
            logger.info("disconnected", code=code, seconds=round(now - opened, 3))
            if code == ABNORMAL and (age := self._cuts.cut(now - opened, now)) is not None:
                _logger.warning(
                    "proxy may be cutting idle connections",
                    seconds=round(age, 1),
                    ping_interval=self._settings.ping_interval_seconds,
                )

    async def drain(self) -> None:
        """Send every connection away and wait until all are gone.

        Plain ones are closed at once, 1001. Those of version 2 are told when they will be closed,
        1012, one after another: they come back at once, and not all at the same moment.

        A cancellation leaves the ones that are still there.
        """
        self.is_draining = True
        self._all_gone = trio.Event()
        begun = trio.current_time()
        connections = tuple(self._connections)
        spread = min(_MAX_SPREAD_SECONDS, _SPREAD_SECONDS * len(connections))
        leaving: list[tuple[float, Connection]] = []
        for number, connection in enumerate(connections):
            after = spread * number / len(connections)
            if connection.announce_end(round(after * 1000)):
                leaving.append((begun + after, connection))
            else:
                connection.end(CloseCode.GOING_AWAY)
        for at, connection in leaving:
            await trio.sleep_until(at)
            connection.end(CloseCode.RESTART)
        if self._connections:
            await self._all_gone.wait()

    def _identify(self, upgrade: Upgrade, token: str | None) -> Upgrade | Refusal:
        if self._verifier is None:
            return upgrade
        if token is None:
            return _unauthorized("A token is needed here", b"Bearer", fault="no token")
        try:
            identity = self._verifier.verify(token, self._wall_ms() / 1000)
        except BadToken as bad:
            # Whoever tries tokens learns nothing from us but the end of a good one.
            message = "The token has ended" if bad.fault is Fault.ENDED else "The token is no good"
            challenge = _INVALID_TOKEN % message.encode()
            return _unauthorized(message, challenge, fault=bad.fault.value)
        return attrs.evolve(upgrade, identity=identity)

    def _verify(self, token: str) -> Identity:
        assert self._verifier is not None  # noqa: S101 - it is not passed on otherwise
        return self._verifier.verify(token, self._wall_ms() / 1000)

    def _seconds_left(self, identity: Identity | None) -> float:
        return math.inf if identity is None else identity.ends_at - self._wall_ms() / 1000

    def _chat(
        self,
        connection: Connection,
        identity: Identity | None,
        on_entered: Callable[[str], None],
    ) -> Conversation:
        return ChatConversation(
            connection,
            identity=identity,
            on_entered=on_entered,
            verify=self._verify if self._verifier is not None else None,
            inbox=self._inbox,
            history_reader=self._reader,
            limits=self._limits,
            settings=self._settings,
            metrics=self._metrics,
            names=self._names,
            wall_ms=self._wall_ms,
        )


def _unavailable(message: str) -> Refusal:
    return Refusal(503, "unavailable", message, ((b"Retry-After", b"%d" % _RETRY_SECONDS),))


def _unauthorized(message: str, challenge: bytes, *, fault: str) -> Refusal:
    headers = ((b"WWW-Authenticate", challenge),)
    return Refusal(401, "unauthorized", message, headers, fault)


def _who_and_whence(upgrade: Upgrade) -> dict[str, str]:
    """What is known of a client at the beginning: the user of its token, and its page."""
    known = {"origin": upgrade.origin} if upgrade.origin else {}
    return known if upgrade.identity is None else {**known, "user": upgrade.identity.name.shown}

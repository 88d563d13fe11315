"""The composition root: builds every part of the server, and supervises them in one nursery.

The root nursery runs the hub, whose failure ends the server; the upkeep of the store; the clock
that ticks into the hub's inbox; the backplane; the timers of the connections; the listeners, which
start a task for each connection; and the task that waits for a signal, drains, and then cancels
the others. The store opens before the nursery and closes after it. The server accepts connections
once this node has received the state of the other nodes.
"""

import gc
import ipaddress
import itertools
import os
import resource
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import structlog
import trio

from trio_chat import __version__
from trio_chat.access.keys import load_verifier
from trio_chat.access.tokens import Verifier
from trio_chat.backplane.base import Backplane
from trio_chat.backplane.opening import make_backplane
from trio_chat.clock import RunningClock, wall_ms
from trio_chat.cluster.clocks import Clocks
from trio_chat.cluster.cluster import Cluster
from trio_chat.cluster.foreign import ForeignNodes
from trio_chat.cluster.receiver import BackplaneReceiver
from trio_chat.cluster.registration import Registration
from trio_chat.context import Context
from trio_chat.fair_queue import FairQueue
from trio_chat.http.accept import Acceptor
from trio_chat.http.front import HttpFront
from trio_chat.http.response import RefusalLog
from trio_chat.http.routes import Readiness, Routes
from trio_chat.http.static import StaticFiles, add_brotli
from trio_chat.hub.hub import Hub
from trio_chat.hub.other_nodes import OtherNodes
from trio_chat.lag import watch_lag
from trio_chat.metrics import Metrics
from trio_chat.pages.site import find_static_folder
from trio_chat.procfs import ProcessCollector
from trio_chat.ratelimit import counted_address
from trio_chat.settings import Settings
from trio_chat.shutdown import SIGNALS, drain_on_signal
from trio_chat.sockets import listen, url_of
from trio_chat.store.opening import OpenedStore, open_store
from trio_chat.systemd import ServiceManager
from trio_chat.tls.certificate import Certificate, load_certificate, reload_on_signal
from trio_chat.tls.transport import TlsTransport
from trio_chat.websocket.endpoint import Endpoint
from trio_chat.websocket.transport import SocketTransport

_logger = structlog.get_logger(__name__)

# Collections of the middle generation; 10,000 idle clients cause about twenty a minute.
_FULL_COLLECTION_AFTER = 10_000

_NO_MANAGER = ServiceManager()

# TLS handshake steps in one turn of the loop: each takes 0.6 ms (ECDSA key) or 2 ms (RSA).
_HANDSHAKES_AT_ONCE = 2

# 96 random bits for each node, so that the prefixes of ids never collide.
_ID_BYTES = 12


def run(
    settings: Settings,
    *,
    say: Callable[[str], object] | None = None,
    dropped_lines: Callable[[], int] = lambda: 0,
) -> int:
    """Run the server until a signal ends it, and return the exit status.

    Args:
        settings: All settings.
        say: Prints one line, the URL with a line break; must not block. Defaults to stdout.
        dropped_lines: Returns the number of dropped log lines, for ``/metrics``.

    Raises:
        StartError: See `serve`.
    """
    _allow_many_sockets()
    _collect_all_rarely()
    announcement = _Announcement(say or _print)
    return trio.run(
        partial(
            serve,
            settings,
            dropped_lines=dropped_lines,
            manager=ServiceManager.from_environment(os.environ),
            task_status=announcement,
        ),
        clock=RunningClock(),
    )


async def serve(
    settings: Settings,
    *,
    dropped_lines: Callable[[], int] = lambda: 0,
    manager: ServiceManager = _NO_MANAGER,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Run the server in this Trio loop until SIGINT or SIGTERM.

    A cancellation ends it at once: connections close without a close frame.

    Args:
        settings: All settings.
        dropped_lines: Returns the number of dropped log lines, for ``/metrics``.
        manager: Receives notifications of start, reload and stop, and watchdog signals.
        task_status: Receives the URL once the server accepts connections and handles signals.

    Returns:
        The exit status of `trio_chat.shutdown.drain_on_signal`.

    Raises:
        StartError: The server cannot listen, or a token key, the certificate, the backplane or the
            store is unusable.
    """
    metrics = Metrics()
    metrics.watch_log_lines(dropped_lines)
    metrics.include(ProcessCollector())
    backplane = make_backplane(settings, metrics)
    node = secrets.token_urlsafe(_ID_BYTES)
    # Every log line of this server, also of libraries, names the node; other nodes use that name.
    names = {"node": node} if backplane.is_shared else {}
    with (
        structlog.contextvars.bound_contextvars(**names),
        # Opened before the certificate is read: a signal right after the reading is not missed.
        trio.open_signal_receiver(signal.SIGHUP) as hangups,
    ):
        verifier = load_verifier(settings)
        certificate = load_certificate(settings)
        async with open_store(settings, metrics) as kept:
            listeners = await listen(settings)
            server = Server(
                settings,
                node,
                metrics,
                kept,
                backplane,
                verifier=verifier,
                certificate=certificate,
            )
            grace_seconds = settings.shutdown_grace_seconds
            status = await _run(
                server,
                listeners,
                hangups,
                grace_seconds=grace_seconds,
                manager=manager,
                task_status=task_status,
            )
        _logger.info("stopped", status=status)
    return status


async def _run(  # noqa: PLR0913 - given once, by `serve`
    server: "Server",
    listeners: list[socket.socket],
    hangups: AsyncIterator[int],
    *,
    grace_seconds: float,
    manager: ServiceManager,
    task_status: trio.TaskStatus[str],
) -> int:
    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with trio.open_nursery() as root:
            root.start_soon(reload_on_signal, hangups, server.certificate, manager.reloading)
            root.start_soon(manager.feed_watchdog, lambda: server.hub.turns)
            for task in server.tasks:
                root.start_soon(task)
            # Accept only now: a user who is online on another node does not join anew.
            await server.wait_for_peers()
            # Once the hub has run, an idle server needs no further descriptors.
            await server.hub.flush()
            root.start_soon(server.acceptor.run, listeners)
            urls = [url_of(one, secure=server.certificate is not None) for one in listeners]
            for url in urls:
                _logger.info("listening", url=url, version=__version__)
            manager.ready()
            task_status.started(urls[0])

            async def drain() -> None:
                manager.stopping()
                await server.drain()

            status = await drain_on_signal(signals, drain, grace_seconds)
            root.cancel_scope.cancel()
    return status


def _print(line: str) -> None:
    print(line, end="", flush=True)  # noqa: T201


class _Announcement:
    """A `trio.TaskStatus` that prints the URL of the server."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say

    def started(self, value: str | None = None) -> None:
        """Print the URL."""
        self._say(f"trio_chat is at {value} (Ctrl-C ends it)\n")


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard limit: a client needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_all_rarely() -> None:
    """Make full garbage collections rare: one in hours, not one for each quarter more objects.

    With 10,000 clients a full collection blocks the server for over a second and finds no garbage:
    a closed connection leaves no reference cycle (docs/adr/0011). Collections of young objects
    stay as frequent as before.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_COLLECTION_AFTER)


class Server:
    """Assembles all parts of one server.

    Args:
        settings: All settings.
        node: The id of this node for other nodes.
        metrics: The metrics of all parts.
        kept: The store and its tasks.
        backplane: Connects this node to the others.
        verifier: Checks tokens; None admits everybody.
        certificate: For TLS; None means plain HTTP.
    """

    def __init__(  # noqa: PLR0913 - given once, by `serve`
        self,
        settings: Settings,
        node: str,
        metrics: Metrics,
        kept: OpenedStore,
        backplane: Backplane,
        *,
        verifier: Verifier | None,
        certificate: Certificate | None,
    ) -> None:
        self.certificate = certificate
        context = Context(settings, metrics, wall_ms, _id_maker(node))
        pages = StaticFiles(find_static_folder(), settings.embed_origin)
        self._cluster: Cluster | None = None
        self._foreign: ForeignNodes | None = None
        self._registration: Registration | None = None
        cluster_tasks: list[Callable[[], Awaitable[None]]] = []
        if backplane.is_shared:
            cluster = self._cluster = Cluster(node, backplane, kept.store, context)
            self.hub = Hub(kept.store, cluster, context)
            self._foreign = ForeignNodes(lambda: kept.store.epoch, kept.check, metrics)
            clocks = Clocks(wall_ms)
            metrics.watch_clocks(clocks.largest_difference)
            receiver = BackplaneReceiver(self.hub.inbox, cluster, metrics, self._foreign, clocks)
            cluster_tasks.append(partial(backplane.run, receiver))
            if kept.registry is not None:
                registration = Registration(node, kept.registry, cluster.peers)
                self._registration = registration
                metrics.watch_unheard(lambda: len(registration.missing()))
                cluster_tasks.append(registration.run)
        else:
            self.hub = Hub(kept.store, OtherNodes(), context)
        self.endpoint = Endpoint(
            context,
            self.hub,
            kept.store,
            verifier=verifier,
            nodes=self._cluster.peers if self._cluster is not None else None,
        )
        self.acceptor = Acceptor(self.serve_connection, metrics)
        self.tasks: Sequence[Callable[[], Awaitable[None]]] = (
            *kept.tasks,
            self.hub.run,
            self.hub.keep_time,
            partial(watch_lag, metrics),
            *cluster_tasks,
            self.endpoint.timers.run,
            partial(add_brotli, pages),
        )
        """The tasks that run beside the acceptor, nearly all until the end."""
        self._handshakes = FairQueue(_HANDSHAKES_AT_ONCE)
        self._metrics = metrics
        self._store_error = kept.last_error
        self._backplane = backplane
        self._front = HttpFront(
            routes=Routes(
                pages=pages,
                readiness=self._readiness,
                metrics_text=metrics.text,
                metrics_content_type=metrics.content_type,
                asks_for_tokens=verifier is not None,
            ),
            admit=self.endpoint.admit,
            on_response=metrics.count_response,
            on_refusal=RefusalLog(metrics).note,
            is_draining=lambda: self.endpoint.is_draining,
            allowed_origins=(*settings.allow_origin, *settings.embed_origin),
            server_names=settings.server_name,
            takes_tokens=verifier is not None,
            secure=certificate is not None,
            trusted_proxies=tuple(map(ipaddress.ip_network, settings.trusted_proxy)),
            head_timeout_seconds=settings.head_timeout_seconds,
            write_timeout_seconds=settings.write_timeout_seconds,
        )

    async def serve_connection(self, sock: socket.socket) -> None:
        """Serve one TCP connection. No exception of a connection passes this barrier."""
        try:
            # The constructor sets options of the socket, also for TLS.
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
            if self.certificate is None:
                upgrade = await self._front.serve(stream, sock)
                if upgrade is not None:
                    del stream  # from here on the hub writes to the socket itself
                    await self.endpoint.serve(SocketTransport(sock), upgrade)
            else:
                del stream
                turn = partial(self._wait_to_shake_hands, sock)
                tls = TlsTransport(sock, self.certificate.context, turn)
                upgrade = await self._front.serve(tls, tls.socket)
                if upgrade is not None:
                    await self.endpoint.serve(tls, upgrade)
        except* Exception as failures:
            self._metrics.connection_failures.count += 1
            _logger.error("connection failed", exc_info=failures)  # noqa: TRY400 - a group

    async def _wait_to_shake_hands(self, sock: socket.socket) -> None:
        """Wait for a turn of the TLS handshake; addresses take turns.

        Raises:
            OSError: The client has disconnected.
        """
        host, *_ = sock.getpeername()
        await self._handshakes.pass_through(counted_address(host))

    async def wait_for_peers(self) -> None:
        """Wait until the other nodes have reported their users, if there are other nodes."""
        if self._cluster is not None:
            await self._cluster.wait_for_peers()

    async def drain(self) -> None:
        """Process all received messages, close every connection, and notify the other nodes.

        After a cancellation it still notifies the other nodes, within a second.
        """
        self.endpoint.is_draining = True
        try:
            await self.hub.flush()
            await self.endpoint.drain()
            await self.hub.flush()  # hands over users who may reconnect elsewhere
        finally:
            if self._cluster is not None:
                self._cluster.peers.leave()
                with trio.CancelScope(shield=True):
                    await self._backplane.flush()

    def _readiness(self) -> Readiness:
        if self.endpoint.is_draining:
            return Readiness(ready=False, text="draining")
        last_error = self._store_error()
        if last_error is not None:
            return Readiness(ready=False, text=f"the store is unreachable: {last_error}")
        # This node still serves its clients, so a load balancer need not avoid it.
        if self._backplane.last_error is not None:
            return Readiness(ready=True, text="ready, degraded: backplane")
        reason = None
        if self._foreign is not None:
            reason = self._foreign.last_error(trio.current_time())
        if reason is None and self._registration is not None:
            reason = self._registration.last_error()
        if reason is not None:
            return Readiness(ready=True, text=f"ready, degraded: backplane: {reason}")
        return Readiness(ready=True, text="ready")


def _id_maker(node: str) -> Callable[[], str]:
    """Return a maker of unique ids: a random prefix and a counter.

    Each message calls it, so it enters no Python function.
    """
    return map((node + "{:x}").format, itertools.count(1)).__next__

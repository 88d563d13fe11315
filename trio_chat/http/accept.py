"""Accepts connections, and survives a shortage of descriptors or memory.

A listener that cannot accept stays readable. An immediate retry would burn a core, and a log line
for each retry would fill a disk. So the server logs the start and the end of a shortage. It retries
when one of its own connections ends, or after a short pause, since other programs share the
machine's descriptors and memory. New clients wait in the kernel's backlog meanwhile.
"""

import errno
import math
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
import trio

from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)

SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept(2) that concern this machine, not the client."""

PASSING: Final = frozenset(
    {
        *(errno.ECONNABORTED, errno.ECONNRESET, errno.EPERM, errno.EPROTO, errno.ETIMEDOUT),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENONET),
        *(errno.ENOPROTOOPT, errno.EOPNOTSUPP),
    }
)
"""Errors of accept(2) that concern one client, which has disconnected ("Error handling")."""

AT_ONCE: Final = 64
"""Connections accepted per wakeup. One at a time, the server would serve a burst of connections
before it noticed a connection behind it."""

RETRY_SECONDS: Final = 0.25
"""Four retries a second cost nothing, and a waiting client does not notice 250 ms."""

QUIET_SECONDS: Final = 10.0
"""A shortage ends after this time without a failure. At the limit each closed connection frees room
for one, and the next accept fails again: that is one shortage, not one for each client."""


class Acceptor:
    """Accepts connections, and starts a task for each.

    Args:
        serve: Serves a connected, non-blocking socket, and may leave it open. An exception would
            cancel the nursery of `run`.
        metrics: Counts failures.
    """

    def __init__(
        self, serve: Callable[[socket.socket], Awaitable[object]], metrics: Metrics
    ) -> None:
        self._serve = serve
        self._metrics = metrics
        self._waiting_for_an_end = trio.lowlevel.ParkingLot()
        self._short_since: float | None = None
        self._over_at = math.inf

    async def run(self, listeners: Sequence[socket.socket]) -> None:
        """Accept until cancelled; a cancellation closes the listeners and all connections.

        Args:
            listeners: Listening, non-blocking sockets.

        Raises:
            OSError: A listener failed permanently.
        """
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept_on, listener, nursery)

    async def _accept_on(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        with listener:
            while True:
                # Log the end of a shortage even if no client connects for hours.
                with trio.move_on_at(self._over_at):
                    await trio.lowlevel.wait_readable(listener)
                    try:
                        self._accept_waiting(listener, nursery)
                    except OSError as error:
                        if error.errno not in SHORTAGES:
                            raise
                        self._note_shortage(error)
                        with trio.move_on_after(RETRY_SECONDS):
                            await self._waiting_for_an_end.park()
                self._note_end()

    def _accept_waiting(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        """Start a task for each waiting connection, at most `AT_ONCE`."""
        for _ in range(AT_ONCE):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in PASSING:
                    raise
            else:
                sock.setblocking(False)  # noqa: FBT003 - the stdlib has it so
                nursery.start_soon(self._serve_one, sock)

    async def _serve_one(self, sock: socket.socket) -> None:
        try:
            await self._serve(sock)
        finally:
            if sock.fileno() != -1:
                trio.lowlevel.notify_closing(sock)
                sock.close()
            self._waiting_for_an_end.unpark_all()

    def _note_shortage(self, error: OSError) -> None:
        now = trio.current_time()
        self._metrics.accept_failures.count += 1
        self._over_at = now + QUIET_SECONDS
        if self._short_since is None:
            self._short_since = now
            _logger.warning("cannot accept connections", reason=error.strerror)

    def _note_end(self) -> None:
        now = trio.current_time()
        if self._short_since is not None and now >= self._over_at:
            _logger.warning("accepting again", seconds=round(now - self._short_since, 3))
            self._short_since = None
            self._over_at = math.inf

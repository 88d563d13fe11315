"""Accepts connections, and goes on accepting when descriptors or memory have run out.

A listener that cannot accept stays readable. A retry at once would burn a core, and a log line for
each retry would fill a disk. So the server logs the beginning and the end of a shortage. It retries
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
"""Errors of accept(2) that are about this machine, and not about the one who knocked."""

PASSING: Final = frozenset(
    {
        *(errno.ECONNABORTED, errno.ECONNRESET, errno.EPERM, errno.EPROTO, errno.ETIMEDOUT),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENONET),
        *(errno.ENOPROTOOPT, errno.EOPNOTSUPP),
    }
)
"""Errors that are about the one who knocked, and is gone: accept(2), "Error handling"."""

AT_ONCE: Final = 64
"""Connections let in in one turn of the loop. Taken one by one, a crowd would be served before who
comes behind it is even known to be there."""

RETRY_SECONDS: Final = 0.25
"""Four tries a second are no load, and nobody who waits for a place notices a quarter of one."""

QUIET_SECONDS: Final = 10.0
"""So long without a failure, and a shortage is over. At the limit each client that leaves lets one
in, and the next one fails again: that is one shortage, not one for each client."""


class Acceptor:
    """Lets connections in, and starts a task for each.

    Args:
        serve: Serves a connected socket, which does not block. It may leave it open, and should not
            raise: what it raises goes up through the nursery of `run`.
        metrics: Failures are counted here.
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
        """Accept until cancelled; then the listeners and all connections are closed.

        Args:
            listeners: They listen, and do not block.

        Raises:
            OSError: A listener failed for a reason that no waiting mends.
        """
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept_on, listener, nursery)

    async def _accept_on(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        with listener:
            while True:
                # Nobody may come for hours, and the end of a shortage is to be told before.
                with trio.move_on_at(self._over_at):
                    await trio.lowlevel.wait_readable(listener)
                    try:
                        self._let_in(listener, nursery)
                    except OSError as error:
                        if error.errno not in SHORTAGES:
                            raise
                        self._note(error)
                        with trio.move_on_after(RETRY_SECONDS):
                            await self._waiting_for_an_end.park()
                self._note_if_over()

    def _let_in(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        """Start a task for each of those who wait, `AT_ONCE` at most."""
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

    def _note(self, error: OSError) -> None:
        now = trio.current_time()
        self._metrics.accept_failures.count += 1
        self._over_at = now + QUIET_SECONDS
        if self._short_since is None:
            self._short_since = now
            _logger.warning("cannot accept connections", reason=error.strerror)

    def _note_if_over(self) -> None:
        now = trio.current_time()
        if self._short_since is not None and now >= self._over_at:
            _logger.warning("accepting again", seconds=round(now - self._short_since, 3))
            self._short_since = None
            self._over_at = math.inf

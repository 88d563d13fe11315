"""Notifies systemd of the state of the service: sd_notify(3), without the library.

Each message is a datagram to the socket in ``NOTIFY_SOCKET``, sent without waiting. Without that
variable the server sends nothing.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog
import trio
from attrs import frozen

_logger = structlog.get_logger(__name__)

FEEDS: Final = 4
"""Signals in one watchdog interval. sd_notify(3) asks for two, so two may be late."""


@frozen
class ServiceManager:
    """Notifies the service manager that started the server.

    Attributes:
        address: The manager's socket; ``@`` begins an abstract one. Empty for no notifications.
        watchdog_seconds: The manager ends the server after this time without a signal; None for
            no limit.
    """

    address: str = ""
    watchdog_seconds: float | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ServiceManager":
        """Return the service manager named by these variables."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # a vsock(7) address names another machine
            return cls()
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        has_watchdog = microseconds.isdecimal() and int(microseconds) > 0 and is_for_us
        return cls(address, int(microseconds) / 1e6 if has_watchdog else None)

    def ready(self) -> None:
        """Report that the server accepts connections."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Report that the server is shutting down."""
        self._send("STOPPING=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Report a reload while the block lasts."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")
        try:
            yield
        finally:
            self.ready()

    async def feed_watchdog(self, turns: Callable[[], int]) -> None:
        """Send watchdog signals while the hub takes turns, until cancelled.

        A running event loop does not prove that the hub works.

        Args:
            turns: Returns the number of the hub's turns so far. The clock causes four a second.
        """
        if self.watchdog_seconds is None:
            return
        seen = -1
        while True:
            taken = turns()
            if taken != seen:
                self._send("WATCHDOG=1")
            seen = taken
            await trio.sleep(self.watchdog_seconds / FEEDS)

    def _send(self, message: str) -> None:
        if not self.address:
            return
        address = self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)  # noqa: FBT003 - the stdlib has it so
            try:
                sock.sendto(message.encode(), address)
            except OSError as error:
                _logger.warning("systemd not notified", message=message, reason=error.strerror)

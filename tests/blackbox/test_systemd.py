"""The notifications of the process to the socket of systemd."""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS


def messages(notified: socket.socket) -> Iterator[str]:
    """Wait for the next notification that is no watchdog signal."""
    while True:
        message = notified.recv(4096).decode()
        if message != "WATCHDOG=1":
            yield message


def test_the_server_notifies_systemd_of_start_reload_and_stop(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(path)
        notified.settimeout(PATIENCE_SECONDS)
        extra = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}
        with ChatServer(extra=extra) as server:
            received = messages(notified)
            assert next(received) == "READY=1"
            while notified.recv(4096) != b"WATCHDOG=1":
                pass
            server.signal(signal.SIGHUP)
            assert next(received).startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert next(received) == "READY=1"
        assert next(received) == "STOPPING=1"

"""What the process tells systemd, with our socket in the place of systemd's."""

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
            told = messages(notified)
            assert next(told) == "READY=1"
            while notified.recv(4096) != b"WATCHDOG=1":
                pass
            server.signal(signal.SIGHUP)
            assert next(told).startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert next(told) == "READY=1"
        assert next(told) == "STOPPING=1"

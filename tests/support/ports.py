"""Ports for servers that stop and start again on the same port."""

import secrets
import socket
from contextlib import suppress

HOST = "127.0.0.1"

FIRST = 15_000
BEHIND_LAST = 32_000
"""Linux gives the ports from 32768 on to clients. If it gave the port of a stopped server to one,
the server could not start again."""


def free_port() -> int:
    """Return a free port of 127.0.0.1 that the kernel gives to no other process."""
    while True:
        port = FIRST + secrets.randbelow(BEHIND_LAST - FIRST)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port

"""Ports for servers that are stopped, and come back to where they were."""

import secrets
import socket
from contextlib import suppress

HOST = "127.0.0.1"

FIRST = 15_000
BEHIND_LAST = 32_000
"""Linux gives ports from 32768 on to whoever wants any, also to each client that connects. While a
server is away it must not get the server's: one that connects would be connected to itself, or to
somebody else, and the server could not come back."""


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody has, and that nobody gets by chance."""
    while True:
        port = FIRST + secrets.randbelow(BEHIND_LAST - FIRST)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port

"""Socket options for plain and TLS connections."""

import socket
import struct
from contextlib import suppress
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


def reset_on_close(sock: socket.socket) -> None:
    """Make the close a reset, which reports a failure to the peer."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def limit_send_buffer(sock: socket.socket, size: int) -> None:
    """Limit the unacknowledged bytes in the kernel, as the kernel counts them."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def acknowledge_now(sock: socket.socket) -> None:
    """Acknowledge received data at once, instead of with the next answer.

    Without an answer the kernel waits 40 ms. Until then the peer's kernel sends no further small
    packet (Nagle's algorithm, without ``TCP_NODELAY``).
    """
    with suppress(OSError):  # not TCP, or the peer has disconnected
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

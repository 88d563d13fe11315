"""Options of a connected socket that more than one kind of connection sets."""

import socket
import struct
from contextlib import suppress
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


def reset_on_close(sock: socket.socket) -> None:
    """Make the close a reset: the other side learns that something went wrong."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def limit_send_buffer(sock: socket.socket, size: int) -> None:
    """Limit the bytes the kernel holds that the peer has not, as the kernel counts them."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def acknowledge_now(sock: socket.socket) -> None:
    """Acknowledge at once what has been received, instead of waiting for an answer to go along.

    Where nothing will be answered soon, the kernel waits 40 ms, and the peer's (Nagle's algorithm,
    without ``TCP_NODELAY``) sends no further small packet until then.
    """
    with suppress(OSError):  # it is no TCP, or the peer has gone
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

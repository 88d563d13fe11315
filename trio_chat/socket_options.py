"""Options of a connected socket that more than one kind of connection sets."""

import socket
import struct
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


def reset_on_close(sock: socket.socket) -> None:
    """Make the close a reset: the other side learns that something went wrong."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def limit_send_buffer(sock: socket.socket, size: int) -> None:
    """Limit the bytes the kernel holds that the peer has not, as the kernel counts them."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

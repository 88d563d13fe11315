"""Reads sockets with TLS or coalesced messages for the load generator."""

import ssl
from collections.abc import Callable
from typing import Final

Receive = Callable[[int], bytes]
"""Like ``socket.recv``; raises `BlockingIOError` without bytes."""

RECORD_BYTES: Final = 16384
"""The largest TLS record."""

_SHORT: Final = 126
_LONG: Final = 127


class Decrypted:
    """Reads a non-blocking TLS socket until it is empty, since epoll does not see plaintext.

    Args:
        sock: The socket, after its handshake.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock

    def __call__(self, size: int) -> bytes:
        """Return the bytes available, at most a record more than `size`; none at the end."""
        parts: list[bytes] = []
        got = 0
        while got < size or self._sock.pending():
            try:
                part = self._sock.recv(RECORD_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                raise ConnectionError(str(error)) from error
            if not part:
                return b"".join(parts)
            parts.append(part)
            got += len(part)
        if not parts:
            raise BlockingIOError
        return b"".join(parts)


class Unframed:
    """Joins the payloads of frames, so that a mark split over two frames is whole.

    Args:
        receive: Reads the frames.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._head = b""
        self._left = 0

    def __call__(self, size: int) -> bytes:
        """Return the payloads available; none at the end."""
        fresh = self._receive(size)
        if not fresh:
            return fresh
        data = self._head + fresh
        at, end = 0, len(data)
        parts: list[bytes] = []
        while True:
            stop = at + self._left
            parts.append(data[at:stop])
            if stop > end:
                self._left, self._head = stop - end, b""
                break
            at, self._left = stop, 0
            short = data[at + 1] if end - at > 1 else 0
            more = 8 if short == _LONG else 2 if short == _SHORT else 0
            if end - at < 2 + more:
                self._head = data[at:]
                break
            at += 2
            self._left = int.from_bytes(data[at : at + more], "big") if more else short
            at += more
        joined = b"".join(parts)
        if not joined:
            raise BlockingIOError
        return joined

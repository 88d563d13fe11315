"""Both ends of a TLS connection: the context of a server, and a client driven by hand."""

import socket
import ssl
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.certificates import certificate_files, client_context
from trio_chat.tls.certificate import Certificate


@cache
def server_context() -> ssl.SSLContext:
    """Return the server's context, with a certificate for localhost."""
    with TemporaryDirectory() as folder:
        files = certificate_files(Path(folder))
        return Certificate(str(files.cert), str(files.key)).context


class TlsPeer:
    """A client on a non-blocking socket; each call advances its handshake or its reading."""

    is_over = False
    """Whether the close_notify of the server has arrived."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(
            self._incoming, self._outgoing, server_hostname="localhost"
        )

    def fileno(self) -> int:
        return self.sock.fileno()

    def shake_hands(self) -> bool:
        """Advance the handshake, and return whether it is complete."""
        with suppress(BlockingIOError):
            self._incoming.write(self.sock.recv(1 << 16))
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.send(self._outgoing.read())
        return True

    def recv(self, most: int = 1 << 20) -> bytes:
        """Return the bytes of all complete records after one read of the socket.

        Raises:
            BlockingIOError: Nothing has arrived.
        """
        self._incoming.write(self.sock.recv(most))
        received = b""
        with suppress(ssl.SSLWantReadError):
            while data := self._tls.read(1 << 16):
                received += data
            self.is_over = True
        return received

    def encrypt(self, *parts: bytes) -> bytes:
        """Return the parts, each in its own record."""
        for part in parts:
            self._tls.write(part)
        return self._outgoing.read()

    def send(self, *parts: bytes) -> None:
        """Send all parts; the socket must have room."""
        self.sock.sendall(self.encrypt(*parts))

    def end(self) -> bytes:
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        return self._outgoing.read()

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        self.sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close the socket without a close_notify."""
        self.sock.close()

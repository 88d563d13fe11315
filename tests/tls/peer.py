"""The client's end of TLS on a non-blocking socket, driven by hand."""

import socket
import ssl
from contextlib import suppress

from tests.support.certificates import client_context


class TlsPeer:
    """A client whose handshake and reading go on with each call.

    Args:
        sock: The socket.
        context: What it asks for.

    Attributes:
        is_over: Whether the server has said goodbye.
    """

    is_over = False

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(
            self._incoming, self._outgoing, server_hostname="localhost"
        )

    def fileno(self) -> int:
        """For the event loop."""
        return self.sock.fileno()

    def shake_hands(self) -> bool:
        """Do what can be done of it now; whether it is done."""
        with suppress(BlockingIOError):
            self._incoming.write(self.sock.recv(1 << 16))
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.send(self._outgoing.read())
        return True

    def recv(self, most: int = 1 << 20) -> bytes:
        """What has arrived, with so many bytes more from the socket; empty: half a record.

        Raises:
            BlockingIOError: Nothing has.
        """
        self._incoming.write(self.sock.recv(most))
        received = b""
        with suppress(ssl.SSLWantReadError):
            while data := self.tls.read(1 << 16):
                received += data
            self.is_over = True
        return received

    def encrypt(self, *parts: bytes) -> bytes:
        """The parts, each in a record of its own."""
        for part in parts:
            self.tls.write(part)
        return self._outgoing.read()

    def send(self, *parts: bytes) -> None:
        """Send all of it; the socket must have room."""
        self.sock.sendall(self.encrypt(*parts))

    def end(self) -> bytes:
        """The goodbye, encrypted."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._outgoing.read()

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """Set an option of the socket."""
        self.sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close the socket without a word."""
        self.sock.close()

"""A non-blocking socket with TLS on it: `send` encrypts and sends at once. No event loop.

OpenSSL works on two buffers (`ssl.MemoryBIO`): ciphertext that came in, ciphertext to go out. This
class moves bytes between them and the socket.

Two laws hold in this file. *What has been encrypted goes to the socket, all of it and in order.* A
record's key and number depend on the records before it, so ciphertext that the socket refused
cannot be discarded. It is *owed*: `pay` sends it, and nothing else is encrypted before that.

*A call that lets OpenSSL write empties the buffer before it returns.* All connections share the
buffer for outgoing ciphertext: a buffer keeps the size it once had, and would take 2 to 22 KiB of
each connection for bytes that stay in it for a microsecond.
"""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Final

from trio_chat.errors import Owed

PIECE_BYTES: Final = 16 * 1024
"""The most that is encrypted before the socket is asked whether it takes any: one record of TLS. At
a drop so much at most has begun for nothing."""

_READ_BYTES: Final = 4096
"""The most that is read from the socket at once. The buffer for incoming ciphertext keeps the size
it once had, four thirds of this, as long as the connection lives."""

RECEIVE_BYTES: Final = 16 * 1024
"""As many as a plain socket is asked for."""

_MAX_UNASKED_BYTES: Final = 4096
"""Alerts that may be owed. A client that provokes more and reads none of them is cut off."""


class _Shared(threading.local):
    """What the connections of one thread share: OpenSSL runs without Python's lock.

    Attributes:
        outgoing: Ciphertext on its way to a socket; empty between two calls.
        take: Empties it.
    """

    def __init__(self) -> None:
        self.outgoing = ssl.MemoryBIO()
        self.take = self.outgoing.read


_shared: Final = _Shared()


class TlsSocket:
    """The server's end of a TLS connection.

    Any `OSError` (`ssl.SSLError` is one) ends the connection, except `BlockingIOError`.

    Args:
        sock: Connected and non-blocking; this class never closes it.
        context: The certificate and the parameters of TLS.
    """

    __slots__ = (
        "_encrypt",
        "_has_ended",
        "_has_returned_end",
        "_incoming",
        "_is_over",
        "_outgoing",
        "_owed",
        "_sock",
        "_take",
        "_tls",
    )

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), _shared.outgoing
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._encrypt, self._take = self._tls.write, _shared.take  # a delivery's price
        self._owed: bytes | memoryview = b""
        self._is_over = False
        self._has_returned_end = False
        self._has_ended = False

    def shake_hands(self) -> bool:
        """Advance the handshake by what has come, and return whether it is complete.

        What it has to say is owed.

        Raises:
            OSError: The client has gone, or speaks no TLS that we accept. An alert is on its way.
        """
        self._fill()
        if self._is_over:
            raise ConnectionResetError
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            self._answer()
            raise
        finally:
            self._owe(self._take())  # whatever was raised: other connections use this buffer
        return True

    def send(self, data: bytes | memoryview, /) -> int:
        """Encrypt bytes and send them; return how many the socket has taken: all of them.

        Raises:
            BlockingIOError: Something was owed and still is; nothing has been encrypted.
            Owed: The socket did not take all. Some bytes may not have been encrypted.
        """
        if self._owed and not self.pay():
            raise BlockingIOError
        size = len(data)
        if size > PIECE_BYTES:
            return self._send_pieces(data)
        try:
            self._encrypt(data)
        finally:
            ciphertext = self._take()
        try:
            sent = self._sock.send(ciphertext)
        except BlockingIOError:
            sent = 0
        if sent == len(ciphertext):
            return size
        self._owed = memoryview(ciphertext)[sent:]
        raise Owed(0, size)

    def pay(self) -> bool:
        """Send what is owed, as far as the socket takes it; return whether nothing is owed now."""
        if self._owed:
            with suppress(BlockingIOError):
                self._owed = memoryview(self._owed)[self._sock.send(self._owed) :]
        return not self._owed

    def receive(self, most: int = RECEIVE_BYTES) -> bytes:
        """Return at most so many bytes of what has come; none at the end, whatever ended it.

        It reads from the socket once at most, and only if nothing is in hand.

        Raises:
            BlockingIOError: Nothing has come, or not enough to decrypt any of it.
        """
        if not self.has_pending and not self._is_over:
            self._fill()
        received = b""
        while not self._is_over and len(received) < most:
            try:
                data = self._tls.read(most - len(received))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                data = b""  # garbage
            received += data
            self._is_over = not data  # or the client's goodbye: what follows is of no interest
            if not self.has_pending:
                break
        if self._outgoing.pending:
            self._answer()
        if not received and not self._is_over:
            raise BlockingIOError
        self._has_returned_end = not received
        return received

    @property
    def has_pending(self) -> bool:
        """Whether `receive` may have more to return though the socket does not become readable.

        The end counts until `receive` has returned it: it can come in one reading with data.
        """
        if self._is_over:
            return not self._has_returned_end
        return self._incoming.pending > 0 or self._tls.pending() > 0

    def end(self) -> None:
        """Owe the client the word that nothing more will come (close_notify)."""
        if not self._has_ended:
            self._has_ended = True
            # It wants the client's word too, or there was no handshake; neither matters.
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            self._owe(self._take())

    def _send_pieces(self, data: bytes | memoryview) -> int:
        for paid in range(0, len(data), PIECE_BYTES):
            try:
                self.send(data[paid : paid + PIECE_BYTES])
            except Owed as owed:
                raise Owed(paid, paid + owed.begun) from None
        return len(data)

    def _fill(self) -> None:
        """Read from the socket once.

        Raises:
            BlockingIOError: There is nothing.
        """
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            raise
        except OSError:
            data = b""
        if data:
            self._incoming.write(data)
        else:
            # Many clients end by TCP alone, without a word of TLS. HTTP and WebSocket say
            # where a message ends, so nobody on the way gains by cutting one off.
            self._is_over = True

    def _owe(self, ciphertext: bytes) -> None:
        self._owed = b"".join((self._owed, ciphertext))

    def _answer(self) -> None:
        """Send what OpenSSL says by itself: an alert, about an error or a renegotiation."""
        self._owe(self._take())
        try:
            self.pay()
        except OSError:
            self._is_over = True
        if len(self._owed) > _MAX_UNASKED_BYTES + PIECE_BYTES:
            self._is_over = True

"""A non-blocking socket with TLS on it: `send` encrypts and sends at once. No event loop.

OpenSSL works on two buffers (`ssl.MemoryBIO`), for incoming and for outgoing ciphertext. This class
moves bytes between them and the socket.

Two rules hold in this file. *All ciphertext goes to the socket, in order.* A record's key and
number depend on the records before it, so ciphertext that the socket did not accept cannot be
discarded. It is *owed*: `pay` sends it, and nothing else is encrypted before that.

*A call that lets OpenSSL write empties the buffer before it returns.* All connections share the
buffer for outgoing ciphertext. A buffer never shrinks, and would cost each connection 2 to 22 KiB
for bytes that stay in it for a microsecond.
"""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Final

from trio_chat.errors import Owed

PIECE_BYTES: Final = 16 * 1024
"""The most that is encrypted before a send: one TLS record. A drop wastes at most this much."""

_READ_BYTES: Final = 4096
"""The most that one read of the socket returns. The buffer for incoming ciphertext grows to four
thirds of this, and keeps that size while the connection lives."""

RECEIVE_BYTES: Final = 16 * 1024
"""The same as for a plain socket."""

_MAX_UNASKED_BYTES: Final = 4096
"""The most alerts that may be owed. A client that causes more without reading them is dropped."""


class _Shared(threading.local):
    """The buffer that the connections of one thread share; OpenSSL runs without the GIL.

    Attributes:
        outgoing: Ciphertext on its way to a socket; empty between two calls.
        take: Empties that buffer.
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
        self._encrypt, self._take = self._tls.write, _shared.take  # deliveries are hot
        self._owed: bytes | memoryview = b""
        self._is_over = False
        self._has_returned_end = False
        self._has_ended = False

    def shake_hands(self) -> bool:
        """Advance the handshake by the received bytes, and return whether it is complete.

        Its answer is owed.

        Raises:
            OSError: The client has disconnected, or the handshake failed; an alert has been sent.
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
            self._owe(self._take())  # even after an exception: other connections use this buffer
        return True

    def send(self, data: bytes | memoryview, /) -> int:
        """Encrypt and send all bytes, and return their number.

        Raises:
            BlockingIOError: Older ciphertext is still owed; nothing has been encrypted.
            Owed: The socket accepted a part. Some bytes may not have been encrypted.
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
        """Send owed ciphertext as far as the socket accepts it; return whether none is owed now."""
        if self._owed:
            with suppress(BlockingIOError):
                self._owed = memoryview(self._owed)[self._sock.send(self._owed) :]
        return not self._owed

    def receive(self, most: int = RECEIVE_BYTES) -> bytes:
        """Return at most so many received bytes; empty at the end of the connection.

        It reads from the socket at most once, and only if no byte is buffered.

        Raises:
            BlockingIOError: No complete record has arrived.
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
                data = b""  # not TLS
            received += data
            self._is_over = not data  # the client's close_notify, or an error: ignore the rest
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
        """Whether `receive` may return more even if the socket is not readable.

        The end counts until `receive` has returned it, for it can arrive together with data.
        """
        if self._is_over:
            return not self._has_returned_end
        return self._incoming.pending > 0 or self._tls.pending() > 0

    def end(self) -> None:
        """Owe the client a close_notify."""
        if not self._has_ended:
            self._has_ended = True
            # It raises without a handshake or without the client's close_notify; neither matters.
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
            BlockingIOError: No bytes have arrived.
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
            # Many clients close TCP without a close_notify. HTTP and WebSocket delimit their
            # messages, so an attacker gains nothing by truncating the stream.
            self._is_over = True

    def _owe(self, ciphertext: bytes) -> None:
        self._owed = b"".join((self._owed, ciphertext))

    def _answer(self) -> None:
        """Send OpenSSL's own answer: an alert about an error or a renegotiation."""
        self._owe(self._take())
        try:
            self.pay()
        except OSError:
            self._is_over = True
        if len(self._owed) > _MAX_UNASKED_BYTES + PIECE_BYTES:
            self._is_over = True

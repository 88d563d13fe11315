"""A client that may do everything a client must not: sockets and bytes."""

import json
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.support.certificates import client_context
from tests.support.frames import CLOSE, RSV1, TEXT, Frame, close, inflated, take_frame, text
from tests.support.requests import ACCEPT, Response, head, take_response
from tests.support.waiting import PATIENCE_SECONDS, remaining

Event = dict[str, Any]

Address = tuple[str, int]


class SecureAddress(Address):
    """An address that speaks TLS."""


NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""The errors of a non-blocking socket without bytes or without space."""

STALL_SECONDS = 1.0
"""A server that accepts nothing of a flood for this long uses back-pressure."""


class Incoming:
    """The received bytes of a connection; a read may end in the middle of a response or frame."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.feed = self._bytes.extend

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)

    def response(self, *, body: bool = True) -> Response | None:
        """Remove and return a whole response; see `take_response`."""
        return take_response(self._bytes, body=body)

    def frame(self) -> Frame | None:
        """Remove and return a whole frame; see `take_frame`."""
        return take_frame(self._bytes)

    def frames(self) -> Iterator[Frame]:
        """Remove and yield the whole frames, one by one."""
        while (taken := self.frame()) is not None:
            yield taken


class RawConnection:
    """One TCP connection to a server, from any local address: all of 127.0.0.0/8 is ours.

    With a small ``receive_buffer_bytes`` (``SO_RCVBUF``) the kernel accepts little.
    """

    def __init__(
        self,
        address: Address,
        *,
        source: str = "127.0.0.1",
        receive_buffer_bytes: int | None = None,
    ) -> None:
        self.socket: socket.socket = socket.socket()
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.bind((source, 0))
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(address, SecureAddress):
            self.socket = client_context().wrap_socket(self.socket, server_hostname=address[0])
        self.socket.settimeout(0)
        self.incoming = Incoming()
        self.ended = False
        self.upgraded_with: Response | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with an RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self) -> None:
        """Send a FIN and read on."""
        with suppress(OSError):  # the server may have ended it already
            self.socket.shutdown(socket.SHUT_WR)

    def is_silent(self, seconds: float) -> bool:
        """Return whether nothing arrives for this long, not even an end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            return not selector.select(seconds)

    def push(self, data: bytes, *, reading: bool = True) -> bool:
        """Send bytes, and by default read meanwhile, so that neither side waits for the other.

        Returns:
            Whether the server accepted all of them; False if it ended the connection or stalled.
        """
        left = memoryview(data)
        wanted = selectors.EVENT_WRITE | (selectors.EVENT_READ if reading else 0)
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, wanted)
            while left and not self.ended:
                ready = selector.select(STALL_SECONDS)
                if not ready:
                    return False
                if ready[0][1] & selectors.EVENT_READ:
                    self._receive()
                if ready[0][1] & selectors.EVENT_WRITE and not self.ended:
                    left = left[self._send(left) :]
        return not left

    def _send(self, data: memoryview) -> int:
        try:
            return self.socket.send(data[:65536])
        except NOT_NOW:
            return 0
        except ConnectionError:
            while not self.ended and self._receive():
                pass  # the answer may have come before the end
            self.ended = True
            return 0

    def _receive(self) -> bool:
        """Receive the available bytes; return False if there are none yet."""
        try:
            chunk = self.socket.recv(65536)
        except NOT_NOW:
            return False
        except (ConnectionError, ssl.SSLEOFError):
            chunk = b""
        self.incoming.feed(chunk)
        self.ended = not chunk
        return True

    def _wait_for_more(self, deadline: float) -> bool:
        """Read more bytes; return False at the end of the connection."""
        if not self.ended:
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ)
                if not selector.select(remaining(deadline)):
                    raise TimeoutError(f"nothing more came; so far: {bytes(self.incoming)[:200]!r}")
            self._receive()
        return not self.ended

    def read_response(self, *, body: bool = True, timeout: float = PATIENCE_SECONDS) -> Response:
        """Read one HTTP response."""
        deadline = time.monotonic() + timeout
        while (response := self.incoming.response(body=body)) is None:
            if not self._wait_for_more(deadline):
                raise AssertionError(f"ended without an answer, after {bytes(self.incoming)!r}")
        return response

    def read_frame(self, timeout: float = PATIENCE_SECONDS) -> Frame | None:
        """Read one frame; return None if the connection ends instead."""
        deadline = time.monotonic() + timeout
        while (taken := self.incoming.frame()) is None:
            if not self._wait_for_more(deadline):
                return None
        return taken

    def read_event(self, timeout: float = PATIENCE_SECONDS) -> Event:
        """Read the next text message, which must be one JSON object."""
        deadline = time.monotonic() + timeout
        while True:
            taken = self.read_frame(remaining(deadline))
            assert taken is not None, "the connection ended where a message was expected"
            if taken.opcode == TEXT:
                event = json.loads(self._payload(taken))
                assert isinstance(event, dict), f"not one object: {taken.payload!r}"
                return event
            assert taken.opcode != CLOSE, f"closed with {taken.close_code}: {taken.payload[2:]!r}"

    @property
    def is_deflated(self) -> bool:
        """Whether compression has been agreed."""
        return (
            self.upgraded_with is not None
            and "sec-websocket-extensions" in self.upgraded_with.fields
        )

    def _payload(self, taken: Frame) -> bytes:
        if taken.rsv == RSV1 and self.is_deflated:
            return inflated(taken.payload)
        assert not taken.rsv, "a reserved bit that has no meaning here"
        return taken.payload

    def read_close(self, timeout: float = PATIENCE_SECONDS) -> int | None:
        """Read up to the close frame, and return its code."""
        deadline = time.monotonic() + timeout
        while (taken := self.read_frame(remaining(deadline))) is not None:
            if taken.opcode == CLOSE:
                return taken.close_code
        raise AssertionError("the connection ended without a close frame")

    def read_end(self, timeout: float = PATIENCE_SECONDS) -> None:
        """Read until the server has ended the TCP connection."""
        deadline = time.monotonic() + timeout
        while self._wait_for_more(deadline):
            pass

    def say_goodbye(self) -> None:
        """Close with 1000, and wait for the server's close and end."""
        self.push(close())
        assert self.read_close() == 1000
        self.read_end()

    def upgrade(self, path: str = "/ws", *fields: bytes) -> Response:
        self.push(head(path.encode(), plus=fields))
        response = self.read_response()
        assert response.status == 101, f"not upgraded: {response}"
        assert response.fields["sec-websocket-accept"] == ACCEPT
        self.upgraded_with = response
        return response

    def join(self, name: str) -> list[Event]:
        """Send the name, and read up to the presence that ends the join."""
        self.push(text(name))
        events = [self.read_event()]
        while events[-1]["type"] != "presence":
            events.append(self.read_event())
        return events


def joined(
    address: Address, name: str, *, receive_buffer_bytes: int | None = None
) -> RawConnection:
    """Return a connection that has joined as ``name``."""
    connection = RawConnection(address, receive_buffer_bytes=receive_buffer_bytes)
    connection.upgrade()
    connection.join(name)
    return connection

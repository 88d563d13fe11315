"""A client that may do everything a client must not: sockets and bytes."""

import json
import selectors
import socket
import ssl
import struct
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.support.certificates import client_context
from tests.support.frames import CLOSE, RSV1, TEXT, Frame, close, inflated, text
from tests.support.incoming import Incoming
from tests.support.requests import ACCEPT, Response, head
from tests.support.waiting import PATIENCE_SECONDS, remaining

Event = dict[str, Any]

Address = tuple[str, int]


class SecureAddress(Address):
    """One where TLS is spoken."""


NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""The errors of a non-blocking socket without bytes or without space."""

STALL_SECONDS = 1.0
"""A flood that the server takes nothing of for this long has met its back-pressure."""


class RawConnection:
    """One TCP connection to the server.

    Args:
        address: Where the server listens.
        source: The local address to come from; all of 127.0.0.0/8 is ours.
        receive_buffer_bytes: ``SO_RCVBUF``, to be a peer whose kernel takes little.
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
        """End it with an RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self) -> None:
        """Send a FIN and read on."""
        with suppress(OSError):  # the server may have ended it already
            self.socket.shutdown(socket.SHUT_WR)

    def is_silent(self, seconds: float) -> bool:
        """Say whether nothing comes for so long, not even an end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            return not selector.select(seconds)

    def push(self, data: bytes, *, reading: bool = True) -> bool:
        """Send all of it, and read meanwhile, so that neither side waits for the other.

        Args:
            data: The bytes.
            reading: Whether to take what comes; a flood that is never read does not.

        Returns:
            Whether the server took all of it; False where it ended the connection or took nothing
            for a while.
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
        """Receive what there is; False if, after all, there is nothing yet."""
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
        """Read something; False where the connection has ended."""
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
        """Read one frame; None where the connection ends instead."""
        deadline = time.monotonic() + timeout
        while (taken := self.incoming.frame()) is None:
            if not self._wait_for_more(deadline):
                return None
        return taken

    def read_event(self, timeout: float = PATIENCE_SECONDS) -> Event:
        """Read the next text message, which is one JSON object."""
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
        """Read on to the close frame, and give its code."""
        deadline = time.monotonic() + timeout
        while (taken := self.read_frame(remaining(deadline))) is not None:
            if taken.opcode == CLOSE:
                return taken.close_code
        raise AssertionError("the connection ended without a close frame")

    def read_end(self, timeout: float = PATIENCE_SECONDS) -> None:
        """Read on until the server has ended the TCP connection."""
        deadline = time.monotonic() + timeout
        while self._wait_for_more(deadline):
            pass

    def say_goodbye(self) -> None:
        """Close as a good client does, and see the server close too."""
        self.push(close())
        assert self.read_close() == 1000
        self.read_end()

    def upgrade(self, path: str = "/ws", *fields: bytes) -> Response:
        """Become a WebSocket."""
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
    """Give a connection that has joined the chat as ``name``."""
    connection = RawConnection(address, receive_buffer_bytes=receive_buffer_bytes)
    connection.upgrade()
    connection.join(name)
    return connection

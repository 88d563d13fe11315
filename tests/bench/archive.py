"""Measures reads of history: one client after the other asks an idle server.

The measure parses each answer, after the clock has stopped.
"""

import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

from tests.bench.frames import text_frame, upgrade_request
from tests.bench.joining import Address, hello
from tests.bench.load import LoadError
from tests.bench.stores import LONG_EVENTS, LONG_ROOM

JOIN_EVENTS: Final = 50
"""The number of events that a joining client receives, by default."""

RESUME_EVENTS: Final = 500
"""The most events that a resuming client receives."""

PAGE_EVENTS: Final = 100
"""The most events of a page."""

SAMPLES: Final = 99
"""The number of requests of each kind. With the first they make 199 users, and a room of up to 200
stores a notice for each join. So each join includes a commit."""

_TIMEOUT_SECONDS: Final = 10.0

FIRST: Final = f"first join since the start, room of {LONG_EVENTS:,} events"
JOIN: Final = f"join, {JOIN_EVENTS} of {LONG_EVENTS:,} events"
RESUME: Final = f"resume, {RESUME_EVENTS} of {LONG_EVENTS:,} events"
PAGE: Final = f"history, {PAGE_EVENTS} in the middle of {LONG_EVENTS:,} events"

ServerMessage = dict[str, Any]


class Asker:
    """A client of version 2 that sends requests and waits for the answers.

    Args:
        address: The address of the server.
    """

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection((address.host, address.port), _TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._socket.sendall(upgrade_request(address.host, address.port, address.path))
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise LoadError(f"upgrade refused: {head[:80]!r}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def ask(self, question: bytes, answer: str) -> tuple[int, ServerMessage]:
        """Send a request, and wait for its whole answer.

        Args:
            question: The payload.
            answer: The type of the answer; the client ignores messages of other types before it.

        Returns:
            Microseconds until the answer had arrived, and the answer.

        Raises:
            LoadError: The server refused the request or closed the connection.
        """
        frame = text_frame(question)
        wanted = b'{"type":"%b"' % answer.encode()
        start = time.perf_counter_ns()
        self._socket.sendall(frame)
        while not (payload := self._next_payload()).startswith(wanted):
            if payload.startswith(b'{"type":"error"'):
                raise LoadError(payload.decode())
        end = time.perf_counter_ns()
        return (end - start) // 1000, json.loads(payload)

    def _next_payload(self) -> bytes:
        """Return the next message, which servers send unmasked, in one frame, uncompressed."""
        size = self._take(2)[1]
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        return self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _receive(self) -> None:
        fresh = self._socket.recv(1 << 18)
        if not fresh:
            raise LoadError("the server has closed the connection")
        self._received += fresh


def latencies(address: Address) -> dict[str, list[int]]:
    """Send all kinds of requests to a new server with a long store, each as a new user.

    Returns:
        Microseconds from each request to its whole answer, by title.

    Raises:
        LoadError: An answer is wrong.
    """
    found: dict[str, list[int]] = {FIRST: [], JOIN: [], RESUME: [], PAGE: []}
    with contextlib.ExitStack() as stack:
        names = (f"user{number:05}" for number in range(2 * SAMPLES + 1))
        first = _asker(stack, address)
        us, joined = first.ask(hello(next(names), {LONG_ROOM: {}}), "joined")
        found[FIRST].append(us)
        _check(joined, JOIN_EVENTS)
        for _ in range(SAMPLES):
            known = {"since": joined["head"] + 1 - RESUME_EVENTS, "epoch": joined["epoch"]}
            us, joined = _asker(stack, address).ask(
                hello(next(names), {LONG_ROOM: known}), "joined"
            )
            found[RESUME].append(us)
            _check(joined, RESUME_EVENTS)
        for _ in range(SAMPLES):
            us, joined = _asker(stack, address).ask(hello(next(names), {LONG_ROOM: {}}), "joined")
            found[JOIN].append(us)
            _check(joined, JOIN_EVENTS)
        for before in _places():
            page = {"type": "history", "room": LONG_ROOM, "before": before, "limit": PAGE_EVENTS}
            us, history = first.ask(json.dumps(page).encode(), "history")
            found[PAGE].append(us)
            _check(history, PAGE_EVENTS)
    return found


def _asker(stack: contextlib.ExitStack, address: Address) -> Asker:
    asker = Asker(address)
    stack.callback(asker.close)
    return asker


def _places() -> Iterator[int]:
    """Yield places all over the middle half, each far from the one before."""
    quarter = LONG_EVENTS // 4
    for number in range(SAMPLES):
        yield quarter + number * 37 % SAMPLES * (2 * quarter // SAMPLES)


def _check(answer: ServerMessage, events: int) -> None:
    got = len(answer["history"])
    if got != events:
        raise LoadError(f"{answer['type']} has {got} events instead of {events}")

"""Brings clients into a room.

Each connects, upgrades, sends its first frame, and waits for the answer.
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.frames import own_room, text_frame, upgrade_request
from tests.bench.load import TAIL_BYTES, Client, LoadError, Room
from tests.bench.receiving import Decrypted, Unframed
from tests.support.certificates import client_context

JOINING_AT_ONCE = 100
"""Simultaneous joins: below the smallest usual listen backlog (128), enough for a busy server."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a client joins.

    Attributes:
        first_frame: Returns the first frame of the client with this number.
        answer: A text in the frame that confirms the join, and in no frame before.
    """

    first_frame: Callable[[int], bytes]
    answer: bytes


def hello(name: str, rooms: dict[str, dict[str, object]]) -> bytes:
    """Return the first frame of version 2."""
    first = {"type": "hello", "v": 2, "username": name, "device": f"d-{name}", "rooms": rooms}
    return json.dumps(first, separators=(",", ":")).encode()


def _hello_in_own_room(number: int) -> bytes:
    return hello(f"user{number:05}", {own_room(number): {}})


BY_NAME = Greeting(lambda number: b"user%05d" % number, b'"type":"presence"')
"""Version 1, which all servers support: a presence event confirms the join."""

IN_OWN_ROOM = Greeting(_hello_in_own_room, b'"type":"joined"')
"""Version 2, each client alone in a room."""

IN_ONE_ROOM = Greeting(
    lambda number: hello(f"joiner{number:05}", {"general": {}}), b'"type":"joined"'
)
"""Version 2, all clients in the room of version 1."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server, and its protocol.

    Attributes:
        has_tls: Whether it uses TLS, with the certificate of `tests.support.certificates`.
        coalesces: Whether it joins several messages into one, in several frames.
    """

    host: str
    port: int
    path: str = "/ws"
    has_tls: bool = False
    coalesces: bool = False


class Newcomer:
    """A watcher that joins one client, and removes itself at the end.

    Args:
        client: The connection, which has sent its upgrade request.
        number: The number of the client.
        greeting: How it joins; None for an echo connection, which only upgrades.
        coalesces: As in `Address`.
    """

    def __init__(
        self, client: Client, number: int, greeting: Greeting | None, *, coalesces: bool = False
    ) -> None:
        self.joined = False
        self._coalesces = coalesces
        self._client = client
        self._number = number
        self._greeting = greeting
        self._upgraded = False
        self._seen = b""

    def __call__(self, data: bytes) -> None:
        """Take the next step if the bytes read so far allow it."""
        self._seen += data[TAIL_BYTES:]
        if not self._upgraded and b"\r\n\r\n" in self._seen:
            self._upgrade()
        if self._upgraded and (self._greeting is None or self._greeting.answer in self._seen):
            self.joined = True
            self._client.watchers = ()

    def _upgrade(self) -> None:
        head, _, self._seen = self._seen.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise LoadError(f"upgrade refused: {head[:80]!r}")
        self._upgraded = True
        if self._coalesces:
            # No frame follows the head before the greeting.
            self._client.receive = Unframed(self._client.receive)
        if self._greeting is not None:
            self._client.sock.send(text_frame(self._greeting.first_frame(self._number)))


def join(
    room: Room,
    address: Address,
    count: int,
    timeout_seconds: float,
    greeting: Greeting | None = BY_NAME,
) -> float:
    """Join clients, `JOINING_AT_ONCE` at a time, while the room serves those already joined.

    Args:
        room: The room of the generator.
        address: The server.
        count: The number of clients.
        timeout_seconds: The limit for all.
        greeting: How each joins; None at an echo server.

    Returns:
        Seconds from the first connection until the last had joined.

    Raises:
        LoadError: The server refused or closed a connection, or took too long.
    """
    request = upgrade_request(address.host, address.port, address.path)
    start = time.monotonic()
    under_way: list[Newcomer] = []
    begun = 0
    while begun < count or under_way:
        while begun < count and len(under_way) < JOINING_AT_ONCE:
            client = _connect(room, address, request)
            newcomer = Newcomer(client, begun, greeting, coalesces=address.coalesces)
            client.watchers = (newcomer,)
            under_way.append(newcomer)
            begun += 1
        room.turn(0.05)
        under_way = [newcomer for newcomer in under_way if not newcomer.joined]
        if room.closed:
            raise LoadError("the server closed a connection while clients were joining")
        if time.monotonic() - start > timeout_seconds:
            raise LoadError(
                f"{begun - len(under_way)} of {count} had joined after {timeout_seconds:.0f} s"
            )
    return time.monotonic() - start


def _connect(room: Room, address: Address, request: bytes) -> Client:
    sock = socket.create_connection((address.host, address.port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.has_tls:
        client = room.add(sock)
    else:
        sock = client_context().wrap_socket(sock, server_hostname=address.host)
        client = room.add(sock, Decrypted(sock))
    sock.send(request)
    return client

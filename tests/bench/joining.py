"""How clients get into a room.

Each connects, upgrades, says its name, and waits for the presence frame that says it is in.
"""

import socket
import time
from dataclasses import dataclass

from tests.bench.frames import text_frame, upgrade_request
from tests.bench.load import TAIL_BYTES, Client, LoadError, Room

JOINING_AT_ONCE = 100
"""Connections under way at a time: below the smallest usual listen backlog (128), enough to keep a
server busy."""

PRESENCE = b'"type":"presence"'
"""Every server here sends a newcomer such a frame once it is in; the first that arrives is its
own."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    path: str = "/ws"


class Newcomer:
    """The steps of one client, as a watcher that takes itself off in the end.

    Args:
        client: The connection, with its upgrade request already sent.
        name: The user name to say first; None for an echo connection, which is in once upgraded.
    """

    def __init__(self, client: Client, name: str | None) -> None:
        self.joined = False
        self._client = client
        self._name = name
        self._upgraded = False
        self._seen = b""

    def __call__(self, data: bytes) -> None:
        """Take the next step, if what was read allows it."""
        self._seen += data[TAIL_BYTES:]
        if not self._upgraded and b"\r\n\r\n" in self._seen:
            self._upgrade()
        if self._upgraded and (self._name is None or PRESENCE in self._seen):
            self.joined = True
            self._client.watchers = ()

    def _upgrade(self) -> None:
        head, _, self._seen = self._seen.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise LoadError(f"upgrade refused: {head[:80]!r}")
        self._upgraded = True
        if self._name is not None:
            self._client.sock.send(text_frame(self._name.encode()))


def join(
    room: Room, address: Address, count: int, timeout_seconds: float, *, named: bool = True
) -> float:
    """Bring clients into the room, `JOINING_AT_ONCE` at a time, while those already in are served.

    Args:
        room: Where the clients go.
        address: The server.
        count: How many clients.
        timeout_seconds: When to give up.
        named: Whether a client says its name and waits for presence; not so at an echo server.

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
            under_way.append(_begin(room, address, request, f"user{begun:05}" if named else None))
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


def _begin(room: Room, address: Address, request: bytes, name: str | None) -> Newcomer:
    sock = socket.create_connection((address.host, address.port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = room.add(sock)
    newcomer = Newcomer(client, name)
    client.watchers = (newcomer,)
    sock.send(request)
    return newcomer

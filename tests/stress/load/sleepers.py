"""A process with thousands of clients that join, answer pings, and otherwise do nothing.

    python -m tests.stress.load.sleepers HOST PORT COUNT SOURCE SECONDS

It prints ``joined`` when all have joined. After a line of input it answers pings for SECONDS and
prints its counts as one JSON object. As a process of its own it takes no time from the test, and
several such processes share the sockets.
"""

import contextlib
import json
import selectors
import socket
import sys
import time
from collections import Counter

from tests.support.frames import CLOSE, PING, PONG, TEXT, frame, text
from tests.support.raw import Incoming
from tests.support.requests import head

JOINING_AT_ONCE = 100
"""Below the smallest usual listen backlog (128), and enough to keep a server busy."""

PRESENCE = b'"type":"presence"'
HEARTBEAT = b'"type":"heartbeat"'

SMALL_BUFFER = 4096
"""The size of reads: a joined client receives nothing longer."""


class Sleeper:
    """One client."""

    __slots__ = ("has_joined", "incoming", "name", "socket", "upgraded")

    def __init__(self, address: tuple[str, int], source: str, name: str) -> None:
        self.name = name
        self.incoming = Incoming()
        self.upgraded = self.has_joined = False
        self.socket = socket.create_connection(address, 20, (source, 0))
        self.socket.settimeout(0)
        self.socket.send(head())


class Sleepers:
    """All clients of this process, and their loop.

    Attributes:
        seen: The counts of pings, heartbeats and ends.
    """

    def __init__(self, address: tuple[str, int], count: int, source: str) -> None:
        self.seen: Counter[str] = Counter()
        self._address = address
        self._count = count
        self._source = source
        self._selector = selectors.DefaultSelector()
        self._begun = self._joined = 0

    def fill(self) -> None:
        """Connect all clients."""
        while self._joined < self._count:
            while self._begun < min(self._count, self._joined + JOINING_AT_ONCE):
                sleeper = Sleeper(self._address, self._source, f"{self._source}/{self._begun}")
                self._selector.register(sleeper.socket, selectors.EVENT_READ, sleeper)
                self._begun += 1
            self._turn(None)

    def sleep(self, seconds: float) -> None:
        """Wait for a line of input, then answer pings for this time."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while self._turn(None):
            pass
        self._selector.unregister(sys.stdin)
        self.seen.clear()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._turn(left)

    def _turn(self, timeout_seconds: float | None) -> bool:
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                return False
            self._read(key.data)
        return True

    def _read(self, sleeper: Sleeper) -> None:
        data = b""
        with contextlib.suppress(ConnectionError):
            data = sleeper.socket.recv(65536 if not sleeper.has_joined else SMALL_BUFFER)
        if not data:
            self.seen["ended"] += 1
            self._selector.unregister(sleeper.socket)
            sleeper.socket.close()
            return
        sleeper.incoming.feed(data)
        if not sleeper.upgraded:
            if (response := sleeper.incoming.response()) is None:
                return
            assert response.status == 101, response
            sleeper.upgraded = True
            sleeper.socket.send(text(sleeper.name))
        for taken in sleeper.incoming.frames():
            if taken.opcode == PING:
                self.seen["pings"] += 1
                sleeper.socket.send(frame(PONG, taken.payload))
            elif taken.opcode == CLOSE:
                self.seen[f"closed with {taken.close_code}"] += 1
            elif taken.opcode == TEXT and not sleeper.has_joined and PRESENCE in taken.payload:
                sleeper.has_joined = True
                self._joined += 1
            elif taken.opcode == TEXT and HEARTBEAT in taken.payload:
                self.seen["heartbeats"] += 1


def main() -> None:
    """Join, sleep, and print the counts."""
    host, port, count, source, seconds = sys.argv[1:]
    sleepers = Sleepers((host, int(port)), int(count), source)
    sleepers.fill()
    print("joined", flush=True)
    sleepers.sleep(float(seconds))
    print(json.dumps(sleepers.seen), flush=True)


if __name__ == "__main__":
    main()

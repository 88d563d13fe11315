"""Clients by the thousand who join, answer pings, and otherwise sleep: a process of their own.

    python -m tests.stress.load.sleepers HOST PORT COUNT SOURCE SECONDS

It prints ``joined`` when all are in, sleeps for so many seconds from when it is sent a line, and
then prints what it saw meanwhile as one JSON object. So the time that clients take is not taken
from who measures, and several processes share out the sockets.
"""

import contextlib
import json
import selectors
import socket
import sys
import time
from collections import Counter

from tests.support.frames import CLOSE, PING, PONG, TEXT, frame, text
from tests.support.incoming import Incoming
from tests.support.requests import head

JOINING_AT_ONCE = 100
"""Below the smallest usual listen backlog (128), and enough to keep a server busy."""

PRESENCE = b'"type":"presence"'
HEARTBEAT = b'"type":"heartbeat"'

SMALL_BUFFER = 4096
"""For reads: nothing longer comes to a sleeper once it is in."""


class Sleeper:
    """One client."""

    __slots__ = ("incoming", "is_in", "name", "socket", "upgraded")

    def __init__(self, address: tuple[str, int], source: str, name: str) -> None:
        self.name = name
        self.incoming = Incoming()
        self.upgraded = self.is_in = False
        self.socket = socket.create_connection(address, 20, (source, 0))
        self.socket.settimeout(0)
        self.socket.send(head())


class Dormitory:
    """All of them, and the loop that serves them.

    Attributes:
        seen: Pings, heartbeats and ends, counted.
    """

    def __init__(self, address: tuple[str, int], count: int, source: str) -> None:
        self.seen: Counter[str] = Counter()
        self._address = address
        self._count = count
        self._source = source
        self._selector = selectors.DefaultSelector()
        self._begun = self._joined = 0

    def fill(self) -> None:
        """Let all of them in."""
        while self._joined < self._count:
            while self._begun < min(self._count, self._joined + JOINING_AT_ONCE):
                sleeper = Sleeper(self._address, self._source, f"{self._source}/{self._begun}")
                self._selector.register(sleeper.socket, selectors.EVENT_READ, sleeper)
                self._begun += 1
            self._turn(None)

    def sleep(self, seconds: float) -> None:
        """Answer pings, from a line of input on and for so long."""
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
            data = sleeper.socket.recv(65536 if not sleeper.is_in else SMALL_BUFFER)
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
            elif taken.opcode == TEXT and not sleeper.is_in and PRESENCE in taken.payload:
                sleeper.is_in = True
                self._joined += 1
            elif taken.opcode == TEXT and HEARTBEAT in taken.payload:
                self.seen["heartbeats"] += 1


def main() -> None:
    """Join, sleep, tell."""
    host, port, count, source, seconds = sys.argv[1:]
    dormitory = Dormitory((host, int(port)), int(count), source)
    dormitory.fill()
    print("joined", flush=True)
    dormitory.sleep(float(seconds))
    print(json.dumps(dormitory.seen), flush=True)


if __name__ == "__main__":
    main()

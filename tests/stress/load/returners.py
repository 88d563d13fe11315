"""A process with thousands of clients that return after a restart.

    python -m tests.stress.load.returners HOST PORT FIRST STEP COUNT SECONDS ROOMS SINCE EPOCH

It takes the clients number FIRST, FIRST + STEP, … of COUNT. Each has an address and a name of its
own, and resumes one of ROOMS rooms. From a line of input on, the clients connect evenly spread over
SECONDS, as a client does that was closed with 1012. When all of this process are in, it prints what
it saw as one JSON object, and stays until the next line.
"""

import json
import selectors
import socket
import sys
import time

from attrs import define

from tests.support.frames import text
from tests.support.requests import head

CHUNK_BYTES = 65_536

PATIENCE_SECONDS = 60.0
"""The limit after the last client has begun."""

UPGRADED = b"HTTP/1.1 101 "
JOINED = b'"type":"joined"'
RECOVERED = b'"recovered":true'


def room_name(number: int, rooms: int) -> str:
    """Return the room of the client with this number."""
    return f"team{number % rooms}"


@define(eq=False)
class Returner:
    """One client.

    Attributes:
        began: When it began to connect, on the monotonic clock.
        first: Its first frame.
        seen: The bytes received since its last step.
        upgraded: Whether its connection is a WebSocket.
    """

    socket: socket.socket
    began: float
    first: bytes
    seen: bytes = b""
    upgraded: bool = False


class Returners:
    """The clients of this process, and their loop.

    Attributes:
        took: Seconds from connecting to ``joined``, of each client.
        failed: All failures, in words.
    """

    def __init__(self, address: tuple[str, int], rooms: int, known: dict[str, object]) -> None:
        self.took: list[float] = []
        self.failed: list[str] = []
        self._address = address
        self._rooms = rooms
        self._known = known
        self._selector = selectors.DefaultSelector()

    def return_all(self, numbers: range, total: int, seconds: float) -> float:
        """Connect all clients, and return the seconds until the last had joined."""
        began = time.monotonic()
        waiting = list(reversed(numbers))
        last = began
        while len(self.took) + len(self.failed) < len(numbers):
            now = time.monotonic()
            if now > began + seconds + PATIENCE_SECONDS:
                self.failed += ["not joined"] * (len(numbers) - len(self.took) - len(self.failed))
                break
            while waiting and (now - began) * total >= waiting[-1] * seconds:
                self._begin(waiting.pop())
            count = len(self.took)
            self._turn(0.001 if waiting else 1.0)
            last = time.monotonic() if len(self.took) > count else last
        return last - began

    def stay(self) -> None:
        """Receive and discard everything until a line of input."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while self._turn(None):
            pass

    def _begin(self, number: int) -> None:
        name = f"user{number:05}"
        rooms = {room_name(number, self._rooms): self._known}
        hello = {"type": "hello", "v": 2, "username": name, "device": f"d-{name}", "rooms": rooms}
        client = socket.socket()
        client.bind((f"127.1.{number >> 8}.{number & 255}", 0))
        began = time.monotonic()
        client.connect(self._address)  # the kernel answers at once, from the queue of the listener
        client.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        client.send(head())
        returner = Returner(client, began, text(json.dumps(hello)))
        self._selector.register(client, selectors.EVENT_READ, returner)

    def _turn(self, timeout_seconds: float | None) -> bool:
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                return False
            self._read(key.data)
        return True

    def _read(self, client: Returner) -> None:
        try:
            data = client.socket.recv(CHUNK_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._fail(client, "ended")
        elif client.first:
            self._step(client, data)

    def _step(self, client: Returner, data: bytes) -> None:
        client.seen += data
        if not client.upgraded:
            if b"\r\n\r\n" not in client.seen:
                return
            if not client.seen.startswith(UPGRADED):
                self._fail(client, client.seen[:40].decode("latin-1"))
                return
            client.upgraded = True
            client.socket.send(client.first)
        if JOINED in client.seen and RECOVERED in client.seen:
            self.took.append(time.monotonic() - client.began)
            client.first = client.seen = b""

    def _fail(self, client: Returner, why: str) -> None:
        self.failed.append(why)
        self._selector.unregister(client.socket)
        client.socket.close()


def main() -> None:
    """Return, print the result, and stay."""
    host, port, first, step, count, seconds, rooms, since, epoch = sys.argv[1:]
    known: dict[str, object] = {"since": int(since), "epoch": epoch}
    returners = Returners((host, int(port)), int(rooms), known)
    print("ready", flush=True)
    sys.stdin.readline()
    last = returners.return_all(
        range(int(first), int(count), int(step)), int(count), float(seconds)
    )
    seen = {
        "last": last,
        "took": returners.took,
        "failed": returners.failed,
        "cpu": time.process_time(),
    }
    print(json.dumps(seen), flush=True)
    returners.stay()


if __name__ == "__main__":
    main()

"""A process with many clients of one address that resume a large room again and again.

    python -m tests.stress.load.resumers HOST PORT COUNT SINCE EPOCH SECONDS

Each joins the room `ROOM` once a second and discards all it reads. At the end the process prints
the number of bytes received.
"""

import contextlib
import json
import selectors
import socket
import sys
import time

from tests.support.frames import text
from tests.support.raw import RawConnection

ADDRESS = "127.0.0.2"
ROOM = "large"


def connect(address: tuple[str, int], number: int) -> socket.socket:
    """Connect a client to a room of its own."""
    client = RawConnection(address, source=ADDRESS)
    client.upgrade()
    hello = {"type": "hello", "v": 2, "username": f"r{number}", "rooms": {f"own{number}": {}}}
    client.push(text(json.dumps(hello)))
    while client.read_event()["type"] != "joined":
        pass
    return client.socket


def attack(clients: list[socket.socket], join: bytes, seconds: float) -> int:
    """Join and read for this time with all clients, and return the number of bytes received."""
    received = 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        began = time.monotonic()
        asked = 0
        while (now := time.monotonic()) < began + seconds:
            while asked < (now - began) * len(clients):
                with contextlib.suppress(OSError):
                    clients[asked % len(clients)].send(join)
                asked += 1
            for key, _ in selector.select(0.01):
                data = b""
                with contextlib.suppress(OSError):
                    data = _read(key.fileobj)
                received += len(data)
                if not data:
                    selector.unregister(key.fileobj)
    return received


def _read(client: object) -> bytes:
    assert isinstance(client, socket.socket)
    return client.recv(1 << 18)


def main() -> None:
    """Connect, wait for a line of input, attack, and print the result."""
    host, port, count, since, epoch, seconds = sys.argv[1:]
    clients = [connect((host, int(port)), number) for number in range(int(count))]
    print("joined", flush=True)
    sys.stdin.readline()
    join = {"type": "join", "room": ROOM, "since": int(since), "epoch": epoch}
    print(attack(clients, text(json.dumps(join)), float(seconds)), flush=True)


if __name__ == "__main__":
    main()

"""A server of version 2 that restarts before it has acknowledged the first message."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.server import ServerConnection, serve

JOINED = {"type": "joined", "room": "general", "epoch": "e", "head": 41, "history": []}


class Interrupting:
    """What it has met.

    Attributes:
        url: Where it is.
        hellos: The first frame of each connection.
        messages: What came after it, one on each connection.
    """

    def __init__(self) -> None:
        self.url = ""
        self.hellos: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    def handle(self, connection: ServerConnection) -> None:
        """Let it in and take one message; the first time be gone then, and else acknowledge it."""
        self.hellos.append(json.loads(connection.recv()))
        connection.send(json.dumps(JOINED))
        self.messages.append(json.loads(connection.recv()))
        if len(self.messages) == 1:
            connection.send(json.dumps({"type": "reconnect", "afterMs": 0}))
            connection.close(1012)
        else:
            connection.send(json.dumps({"type": "ack", "ref": self.messages[-1]["ref"]}))


@contextmanager
def interrupting() -> Iterator[Interrupting]:
    """Run it."""
    it = Interrupting()
    with serve(it.handle, "127.0.0.1", 0) as server:
        host, port = server.socket.getsockname()
        it.url = f"ws://{host}:{port}/ws"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield it
        finally:
            server.shutdown()
            thread.join()

"""The model of a server of version 2 behind sockets; a test decides how connections end."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.client.model import ModelServer

Frame = dict[str, Any]


class Modelled:
    """It runs.

    Attributes:
        url: Where it is.
        model: What it says.
        closes_with: Gives, for a frame of a client, the code to close with instead of an answer.
        is_mute: Whether it says nothing more.
        received: The frames of each connection.
    """

    def __init__(self) -> None:
        self.url = ""
        self.model = ModelServer()
        self.closes_with: Callable[[Frame], int | None] = lambda _: None
        self.is_mute = False
        self.received: list[list[Frame]] = []

    def handle(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends. Only one at a time is served."""
        peer = self.model.connect()
        self.received.append(peer.received)
        try:
            for text in connection:
                code = self.closes_with(json.loads(text))
                if code is not None:
                    connection.close(code)
                    break
                self.model.receive(peer, str(text))
                while peer.sent and not self.is_mute:
                    connection.send(json.dumps(peer.sent.popleft()))
        except ConnectionClosed:
            pass
        finally:
            self.model.cut(peer)


@contextmanager
def modelled() -> Iterator[Modelled]:
    """Run it."""
    it = Modelled()
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

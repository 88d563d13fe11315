"""A model of the server behind real sockets; a test decides when a connection closes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.client.model import ModelServer

Message = dict[str, Any]


class Modelled:
    """A running model, which serves one connection at a time.

    Attributes:
        close_code: Returns, for a client's message, the code to close with instead of an answer.
        is_mute: Whether it sends nothing.
        received: The messages of each connection.
    """

    def __init__(self) -> None:
        self.url = ""
        self.model = ModelServer()
        self.close_code: Callable[[Message], int | None] = lambda _: None
        self.is_mute = False
        self.received: list[list[Message]] = []

    def handle(self, connection: ServerConnection) -> None:
        """Serve one connection until it closes."""
        peer = self.model.connect()
        self.received.append(peer.received)
        try:
            for text in connection:
                code = self.close_code(json.loads(text))
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
    """Run a model in the block."""
    it = Modelled()
    with serve(it.handle, "127.0.0.1", 0) as server:
        it.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield it
        finally:
            server.shutdown()
            thread.join()

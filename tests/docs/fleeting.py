"""A server that does nothing but close, with one code after the other."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from websockets.sync.server import ServerConnection, serve


class Fleeting:
    """What it has met.

    Attributes:
        url: Where it is.
        names: The first frame of each connection.
    """

    def __init__(self, codes: Sequence[int]) -> None:
        self.url = ""
        self.names: list[str] = []
        self._codes = iter(codes)

    def handle(self, connection: ServerConnection) -> None:
        """Take the name, and close with the next code."""
        self.names.append(str(connection.recv()))
        connection.close(next(self._codes), "as the test wants it")


@contextmanager
def closing_with(*codes: int) -> Iterator[Fleeting]:
    """Run it; the first connection is closed with the first code, and so on."""
    fleeting = Fleeting(codes)
    with serve(fleeting.handle, "127.0.0.1", 0) as server:
        host, port = server.socket.getsockname()
        fleeting.url = f"ws://{host}:{port}/ws"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield fleeting
        finally:
            server.shutdown()
            thread.join()

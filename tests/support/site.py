"""Another site: one page, on an origin that the chat does not have."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Site(ThreadingHTTPServer):
    """Serves one page at every address, from the start to the end of a ``with``.

    Attributes:
        html: The page.
        origin: Another host than 127.0.0.1, the one of a chat server.
    """

    html = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.origin = f"http://localhost:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.html.encode())

    def log_message(self, *_: object) -> None:
        """Write nothing."""

"""A page in Chromium that reports by HTTP what happens in it. No driver is needed for that."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

CHROMIUM = os.environ.get("CHROMIUM", "chromium")

PATIENCE_SECONDS = 30

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Chromium's logs of its own; the page reports what matters.
    "--log-level=3",
)


class Site:
    """A little web server. Pages on it send what they have to say to ``/report``, as JSON.

    Attributes:
        origin: Where it is.
        files: Bodies by path; ``.js`` ones are JavaScript, all others HTML.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.reports: SimpleQueue[Any] = SimpleQueue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        host, port = self.server.server_address[:2]
        self.origin = f"http://{host!s}:{port}"

    def next_report(self) -> Any:  # noqa: ANN401 - whatever the page says
        """Give the next report.

        Raises:
            queue.Empty: There is none in time.
        """
        return self.reports.get(timeout=PATIENCE_SECONDS)

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - self is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.files.get(self.path, "").encode()
                kind = "text/javascript" if self.path.endswith(".js") else "text/html"
                self.send_response(200 if body else 404)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                site.reports.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: pytest would show it with every failure."""

        return Handler


@contextmanager
def site() -> Iterator[Site]:
    """Run a site."""
    it = Site()
    thread = threading.Thread(target=it.server.serve_forever)
    thread.start()
    try:
        yield it
    finally:
        it.server.shutdown()
        thread.join()
        it.server.server_close()


@contextmanager
def open_page(url: str) -> Iterator[None]:
    """Have a page open in Chromium."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *_ARGUMENTS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            # It ends its own children; only then is its profile nobody's.
            process.terminate()
            process.wait(PATIENCE_SECONDS)

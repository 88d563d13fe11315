"""Measure the chat page in Chromium: ``python -m tests.bench.page [SECONDS]``.

Prints how much of the main thread a busy room takes, and what a first load costs. Run it in another
checkout for the figures before a change. It wants a quiet machine.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.browser import LOCALE, chromium
from tests.e2e.server import serving
from tests.e2e.windows import ChatWindow
from tests.support.server import ChatServer

ROWS = 1_000
READERS = 60
READ_SECONDS = 1.0
"""A reader marks the newest message as read this often, as the page does."""

BUSY_PER_SECOND = 50

SLOW_3G = {
    "offline": False,
    "latency": 400,
    "downloadThroughput": 400_000 / 8,
    "uploadThroughput": 400_000 / 8,
}
"""The preset of Chromium's developer tools."""

FRAMES = """
window.frameTimes = [];
window.longTasks = 0;
new PerformanceObserver((list) => { window.longTasks += list.getEntries().length; })
  .observe({ entryTypes: ["longtask"] });
let before = performance.now();
const frame = (now) => {
  window.frameTimes.push(now - before);
  before = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""


class Crowd:
    """Version 2 clients that read, and one that writes.

    Args:
        server: The server, without a limit of the rate.
        readers: How many clients mark messages as read.
    """

    def __init__(self, server: ChatServer, readers: int) -> None:
        self._server = server
        self._stack = ExitStack()
        self.writer = self._join("writer")
        self._readers = [self._join(f"reader{number}") for number in range(readers)]
        self.head = 0

    def _join(self, name: str) -> ClientConnection:
        socket = self._stack.enter_context(connect(self._server.url()))
        hello = {"type": "hello", "v": 2, "username": name, "rooms": {"general": {}}}
        socket.send(json.dumps(hello))
        threading.Thread(target=_drain, args=(socket,), daemon=True).start()
        return socket

    def write(self, count: int, per_second: float) -> None:
        """Send messages at a rate."""
        began = time.monotonic()
        for number in range(count):
            self.writer.send(json.dumps({"type": "message", "message": f"message {number}"}))
            time.sleep(max(0.0, began + (number + 1) / per_second - time.monotonic()))

    def read(self, seconds: float, head: int) -> None:
        """Let every reader mark one more message each second, spread over the second."""
        pause = READ_SECONDS / max(1, len(self._readers))
        until, seq = time.monotonic() + seconds, head - 300
        while time.monotonic() < until:
            seq = min(seq + 1, head)
            for reader in self._readers:
                reader.send(json.dumps({"type": "read", "room": "general", "seq": seq}))
                time.sleep(pause)

    def close_readers(self) -> None:
        """End the readers, which would take a core to receive every message."""
        for reader in self._readers:
            reader.close()

    def close(self) -> None:
        """End all connections."""
        self._stack.close()


def _drain(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for _ in socket:
            pass


def busy_seconds(devtools: CDPSession) -> float:
    """Return how long the page's main thread has run tasks."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


@contextmanager
def measured(page: Page, devtools: CDPSession, what: str) -> Iterator[None]:
    """Print what the page did meanwhile."""
    page.evaluate("frameTimes.length = 0; longTasks = 0")
    began, busy = time.monotonic(), busy_seconds(devtools)
    yield
    share = (busy_seconds(devtools) - busy) / (time.monotonic() - began)
    frames = sorted(page.evaluate("frameTimes"))
    p95 = frames[int(len(frames) * 0.95)] if frames else float("nan")
    tasks = page.evaluate("longTasks")
    print(
        f"{what}: main thread {share:.0%}, frame p95 {p95:.0f} ms, long tasks {tasks}", flush=True
    )


def measure_busy_room(browser: Browser, server: ChatServer, seconds: float) -> None:
    """A room with 1,000 rows: idle, with 60 readers, and with 50 messages a second."""
    crowd = Crowd(server, READERS)
    crowd.write(ROWS, 400)
    page = browser.new_context(locale=LOCALE, viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(FRAMES)
    window = ChatWindow(page, server.page("/")).join("ann")
    while window.log.locator(".message").count() < ROWS * 0.9:
        window.scroll_to_top()
        page.wait_for_timeout(100)
    window.scroller.evaluate("box => { box.scrollTop = box.scrollHeight }")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.wait_for_timeout(1_000)
    with measured(page, devtools, "idle"):
        page.wait_for_timeout(3_000)
    reading = threading.Thread(target=crowd.read, args=(seconds, ROWS + READERS))
    with measured(page, devtools, f"{READERS} readers, {ROWS} rows"):
        reading.start()
        page.wait_for_timeout(seconds * 1_000)
    reading.join()
    crowd.close_readers()
    count = round(BUSY_PER_SECOND * seconds)
    writing = threading.Thread(target=crowd.write, args=(count, BUSY_PER_SECOND))
    with measured(page, devtools, f"{BUSY_PER_SECOND} messages a second"):
        writing.start()
        page.wait_for_timeout(seconds * 1_000)
    writing.join()
    page.context.close()
    crowd.close()


def measure_first_load(browser: Browser, server: ChatServer) -> None:
    """A first load on a slow line: requests, bytes, and when a name can be submitted."""
    context = browser.new_context(locale=LOCALE)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_3G)
    sizes: list[float] = []

    def count(event: dict[str, Any]) -> None:
        sizes.append(event["encodedDataLength"])

    devtools.on("Network.loadingFinished", count)
    began = time.monotonic()
    page.goto(server.page("/"), wait_until="commit")
    page.get_by_label("Your name").wait_for()
    visible = time.monotonic() - began
    page.locator("#loading").wait_for(state="detached")
    ready = time.monotonic() - began
    page.wait_for_load_state("networkidle")
    print(
        f"first load: {len(sizes)} requests, {sum(sizes) / 1000:.0f} kB, "
        f"form after {visible:.1f} s, scripts after {ready:.1f} s"
    )
    context.close()


def main(seconds: float) -> None:
    """Measure all."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(
            Path(scratch) / "server.log", "--message-rate", "0", "--upgrade-rate", "0"
        ) as server,
        chromium() as browser,
    ):
        measure_first_load(browser, server)
        measure_busy_room(browser, server, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)

"""Measure the chat page in Chromium: ``python -m tests.bench.page [SECONDS]``.

Prints how much of the main thread a busy room takes, and what a first load costs. Run it in another
checkout for the figures before a change. It wants a quiet machine: a task lasts longer while others
use the processor, so the thread's processor time stands beside the time of its tasks.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.browser import LOCALE, chromium
from tests.e2e.server import serving_brotli, wait_for_brotli
from tests.e2e.windows import ChatWindow
from tests.support.server import ChatServer

ROWS = 1_000
READERS = 60
READ_SECONDS = 1.0
"""A message comes this often, and every reader marks it as read."""

BUSY_PER_SECOND = 50

SLOW_3G = {
    "offline": False,
    "latency": 400,
    "downloadThroughput": 400_000 / 8,
    "uploadThroughput": 400_000 / 8,
}
"""The preset of Chromium's developer tools."""

LONG_TASKS = """
window.longTasks = 0;
new PerformanceObserver((list) => { window.longTasks += list.getEntries().length; })
  .observe({ entryTypes: ["longtask"] });
"""

FRAMES = """() => {
  window.frameTimes = [];
  let before = performance.now();
  const frame = (now) => {
    window.frameTimes.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
"""Watches each frame, and so makes the page draw 60 a second: 4 % of the main thread by itself."""


class Crowd:
    """Version 2 clients that read, and one that writes.

    Args:
        server: The server, without a limit of the rate.
        readers: How many clients mark messages as read.
    """

    def __init__(self, server: ChatServer, readers: int) -> None:
        self._server = server
        self._stack = ExitStack()
        self.writer = self._join("writer", self._note)
        self._readers = [self._join(f"reader{number}") for number in range(readers)]
        self._head = 0

    def _join(
        self, name: str, receive: Callable[[str | bytes], None] | None = None
    ) -> ClientConnection:
        socket = self._stack.enter_context(connect(self._server.url()))
        hello = {"type": "hello", "v": 2, "username": name, "rooms": {"general": {}}}
        socket.send(json.dumps(hello))
        threading.Thread(target=_drain, args=(socket, receive), daemon=True).start()
        return socket

    def _note(self, text: str | bytes) -> None:
        event = json.loads(text)
        if event["type"] == "message":
            self._head = event["seq"]

    def write(self, count: int, per_second: float) -> None:
        """Send messages at a rate."""
        began = time.monotonic()
        for number in range(count):
            self.writer.send(json.dumps({"type": "message", "message": f"message {number}"}))
            time.sleep(max(0.0, began + (number + 1) / per_second - time.monotonic()))

    def talk(self, seconds: float) -> None:
        """Write one message a second, and let every reader mark it, spread over the second."""
        pause = READ_SECONDS / max(1, len(self._readers))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.write(1, 1 / pause)
            for reader in self._readers:
                reader.send(json.dumps({"type": "read", "room": "general", "seq": self._head}))
                time.sleep(pause)

    def close_readers(self) -> None:
        """End the readers, which would take a core to receive every message."""
        for reader in self._readers:
            reader.close()

    def close(self) -> None:
        """End all connections."""
        self._stack.close()


def _drain(socket: ClientConnection, receive: Callable[[str | bytes], None] | None) -> None:
    with suppress(ConnectionClosed):
        for text in socket:
            if receive is not None:
                receive(text)


def main_thread(devtools: CDPSession) -> tuple[float, float]:
    """Return how long the page's main thread has run tasks, and its processor time, in seconds."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    values = {one["name"]: float(one["value"]) for one in metrics}
    return values["TaskDuration"], values["ThreadTime"]


@contextmanager
def measured(page: Page, devtools: CDPSession, what: str) -> Iterator[None]:
    """Print what the page did meanwhile."""
    page.evaluate("longTasks = 0; window.frameTimes && (frameTimes.length = 0)")
    began, (busy, cpu) = time.monotonic(), main_thread(devtools)
    yield
    seconds, (busy_after, cpu_after) = time.monotonic() - began, main_thread(devtools)
    found = [
        f"main thread {(busy_after - busy) / seconds:.1%}",
        f"processor {(cpu_after - cpu) / seconds:.1%}",
        f"long tasks {page.evaluate('longTasks')}",
        f"rows {page.locator('.message').count()}",
    ]
    frames = sorted(page.evaluate("window.frameTimes ?? []"))
    if frames:
        found.append(f"frame p95 {frames[int(len(frames) * 0.95)]:.0f} ms")
    print(f"{what}: {', '.join(found)}", flush=True)


def measure_busy_room(browser: Browser, server: ChatServer, seconds: float) -> None:
    """A room with 1,000 rows: idle, with 60 readers, and with 50 messages a second."""
    crowd = Crowd(server, READERS)
    crowd.write(ROWS, 400)
    page = browser.new_context(locale=LOCALE, viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(LONG_TASKS)
    window = ChatWindow(page, server.page("/")).join("ann")
    while window.log.locator(".message").count() < ROWS * 0.9:
        window.scroll_to_top()
        page.wait_for_timeout(100)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def measure(what: str, act: Callable[[], None], seconds: float = seconds) -> None:
        page.wait_for_timeout(1_000)
        acting = threading.Thread(target=act)
        with measured(page, devtools, what):
            acting.start()
            page.wait_for_timeout(seconds * 1_000)
        acting.join()

    measure("idle", lambda: None, 5)
    window.scroller.evaluate("box => { box.scrollTop = box.scrollHeight - 2_000 }")
    measure(f"{READERS} readers, one message a second, scrolled up", lambda: crowd.talk(seconds))
    window.scroller.evaluate("box => { box.scrollTop = box.scrollHeight }")
    measure(f"{READERS} readers, one message a second, at the end", lambda: crowd.talk(seconds))
    crowd.close_readers()
    page.evaluate(FRAMES)
    count = round(BUSY_PER_SECOND * seconds)
    measure(f"{BUSY_PER_SECOND} messages a second", lambda: crowd.write(count, BUSY_PER_SECOND))
    page.context.close()
    crowd.close()


def measure_first_load(browser: Browser, server: ChatServer) -> None:
    """A first load on a slow line: requests, bytes by file, and when a person can do what.

    The person joins as soon as the form checks a name, which is before the rest has loaded.
    """
    wait_for_brotli(server)
    context = browser.new_context(locale=LOCALE)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_3G)
    names: dict[str, str] = {}
    sizes: dict[str, float] = {}

    def note(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["request"]["url"].rpartition("/")[2] or "/"

    def count(event: dict[str, Any]) -> None:
        sizes[names[event["requestId"]]] = event["encodedDataLength"]

    devtools.on("Network.requestWillBeSent", note)
    devtools.on("Network.loadingFinished", count)
    began = time.monotonic()
    page.goto(server.page("/"), wait_until="commit")
    page.get_by_label("Your name").wait_for()
    visible = time.monotonic() - began
    page.locator("#join-form[data-ready]").wait_for()
    usable = time.monotonic() - began
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    page.locator("#loading").wait_for(state="detached")
    ready = time.monotonic() - began
    page.locator("#pill[data-state=open]").wait_for()
    joined = time.monotonic() - began
    page.wait_for_load_state("networkidle")
    print(
        f"first load: {len(sizes)} requests, {sum(sizes.values()) / 1000:.1f} kB, form visible "
        f"after {visible:.1f} s, usable after {usable:.1f} s, all scripts after {ready:.1f} s, "
        f"joined after {joined:.1f} s"
    )
    for name, size in sizes.items():
        print(f"  {name} {size / 1000:.1f} kB")
    context.close()


def main(seconds: float) -> None:
    """Measure all."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving_brotli(
            Path(scratch) / "server.log", "--message-rate", "0", "--upgrade-rate", "0"
        ) as server,
        chromium() as browser,
    ):
        measure_first_load(browser, server)
        measure_busy_room(browser, server, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)

"""A way from a page to the real server that a test can cut, and on which it can interfere."""

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.e2e.browser import PATIENCE_MS, POLL_MS

Frame = dict[str, Any]


def _passes(_frame: Frame) -> bool:
    return True


class Line:
    """Carries the sockets of one page, and cuts them with a close code of the test's choice.

    Attributes:
        lets_out: Whether a frame of the page reaches the server.
        lets_in: Whether a frame of the server reaches the page.
    """

    def __init__(self) -> None:
        self._routes: list[WebSocketRoute] = []
        self._heard: list[str] = []
        self.lets_out: Callable[[Frame], bool] = _passes
        self.lets_in: Callable[[Frame], bool] = _passes

    def prepare(self, page: Page) -> None:
        """Lead the page's chat socket over this line."""
        self._page = page
        page.route_web_socket("**/ws", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        self._routes.append(route)
        server = route.connect_to_server()

        def send_out(text: str | bytes) -> None:
            if self.lets_out(json.loads(text)):
                server.send(text)

        def let_in(text: str | bytes) -> None:
            frame = json.loads(text)
            if self.lets_in(frame):
                route.send(text)
                self._heard.append(frame["type"])

        route.on_message(send_out)
        server.on_message(let_in)

    def tell(self, **frame: object) -> None:
        """Send the page a frame that is not the server's."""
        self._routes[-1].send(json.dumps(frame))

    def cut(self, code: int) -> None:
        """Close the page's newest socket with this code."""
        self._routes[-1].close(code=code)

    @property
    def count(self) -> int:
        """How many sockets the page has opened."""
        return len(self._routes)

    def expect_count(self, count: int) -> None:
        """Wait until the page has opened so many: it may be disconnected for too short to be seen.

        Raises:
            AssertionError: It has not.
        """
        self._wait(lambda: self.count >= count, f"{count} sockets")

    def expect_heard(self, kind: str, times: int) -> None:
        """Wait until the page has received so many frames of a type, on all its sockets together.

        Raises:
            AssertionError: It has not.
        """
        self._wait(lambda: self._heard.count(kind) >= times, f"{times} frames of {kind}")

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not is_so():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            self._page.wait_for_timeout(POLL_MS)

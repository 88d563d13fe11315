"""A way from a page to the real server that a test can cut."""

from playwright.sync_api import Page, WebSocketRoute


class Line:
    """Carries the sockets of one page, and cuts them with a close code of the test's choice."""

    def __init__(self) -> None:
        self._routes: list[WebSocketRoute] = []

    def prepare(self, page: Page) -> None:
        """Lead the page's chat socket over this line."""
        page.route_web_socket("**/ws", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        self._routes.append(route)
        route.connect_to_server()

    def cut(self, code: int) -> None:
        """Close the page's newest socket with this code."""
        self._routes[-1].close(code=code)

    @property
    def count(self) -> int:
        """How many sockets the page has opened."""
        return len(self._routes)

"""A connection between a page and the real server that a test can cut and manipulate."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

Message = dict[str, Any]
Filter = Callable[[Message], bool]


class Line:
    """Carries the chat sockets of one page.

    Attributes:
        to_server: Decides whether a message of the page reaches the server.
        to_page: Decides whether a message of the server reaches the page.
    """

    def __init__(self) -> None:
        self._routes: list[WebSocketRoute] = []
        self.restore()

    def restore(self) -> None:
        """Let every message pass."""
        self.to_server: Filter = lambda _message: True
        self.to_page: Filter = lambda _message: True

    def prepare(self, page: Page) -> None:
        """Route the page's chat sockets over this line."""
        page.route_web_socket("**/ws", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        self._routes.append(route)
        server = route.connect_to_server()

        def send_to_server(text: str | bytes) -> None:
            if self.to_server(json.loads(text)):
                server.send(text)

        def send_to_page(text: str | bytes) -> None:
            if self.to_page(json.loads(text)):
                route.send(text)

        route.on_message(send_to_server)
        server.on_message(send_to_page)

    def send(self, **message: object) -> None:
        """Send the page a message in the server's place."""
        self._routes[-1].send(json.dumps(message))

    def reject(self, code: str, text: str, kind: str = "message") -> None:
        """Answer each request of a type with an error, in the server's place."""

        def answer(message: Message) -> bool:
            if message["type"] != kind:
                return True
            refs = {"ref": message["ref"], "room": message["room"]}
            self.send(type="error", code=code, message=text, **refs)
            return False

        self.to_server = answer

    def cut(self, code: int) -> None:
        """Close the page's newest socket with this code."""
        self._routes[-1].close(code=code)

    @property
    def count(self) -> int:
        """The number of sockets that the page has opened."""
        return len(self._routes)

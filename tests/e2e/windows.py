"""The two pages, used as a person uses them."""

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.e2e.browser import PATIENCE_MS, POLL_MS

_REPORT_TEXTS = """
new MutationObserver(() => {
  for (const id of ["typing", "loading"]) {
    // Without the marks that isolate a name from the words around it.
    const text = document.getElementById(id)?.textContent.replace(/[\u2068\u2069]/g, "").trim();
    if (text) reportText(id, text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


class Window:
    """A page, with all the sockets that it has opened.

    Args:
        page: A page that has not loaded anything.
        url: The URL to load.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.state = page.locator("#pill")
        self.bar = page.locator("#notice-bar")
        self.log = page.get_by_role("log")
        self.field = page.locator("#text")
        self.send_button = page.get_by_role("button", name="Send")
        self.sockets: list[WebSocket] = []
        self._shown: list[tuple[str, str]] = []
        self._sent: list[str | bytes] = []
        page.on("websocket", self._watch)
        page.expose_function("reportText", lambda *shown: self._shown.append(shown))
        page.add_init_script(_REPORT_TEXTS)
        page.goto(url)

    def _watch(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framesent", lambda frame: self._sent.append(frame))  # noqa: PLW0108 - no builtin

    def expect_open_sockets(self, count: int) -> None:
        """Wait until this many sockets are open. A close needs an answer of the server."""
        self.wait_for(
            lambda: sum(not socket.is_closed() for socket in self.sockets) == count,
            f"{count} open sockets",
        )

    def wait_for(self, fact: Callable[[], bool], what: str) -> None:
        """Wait for a fact that no locator can show.

        Raises:
            AssertionError: The fact did not come in time.
        """
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not fact():
            assert time.monotonic() < deadline, f"no {what} in time"
            self.page.wait_for_timeout(POLL_MS)

    def expect_shown(self, element: str, text: str) -> None:
        """Wait until an element shows a text, or has shown it.

        A text that stays for seconds only may be gone before a busy browser answers a locator.

        Args:
            element: The id of the element: ``typing`` or ``loading``.
            text: A part of the text.
        """
        self.wait_for(
            lambda: any(one == element and text in shown for one, shown in self._shown),
            f"{text!r} in #{element}",
        )

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Return the JSON messages of a type that the page has sent."""
        messages = [json.loads(text) for text in self._sent if text[:1] in {"{", b"{"}]
        return [message for message in messages if message["type"] == kind]

    def send(self, text: str) -> None:
        """Write a text and press Enter."""
        self.field.fill(text)
        self.field.press("Enter")

    def expect_connected(self) -> None:
        """Wait until the page shows that it is connected."""
        expect(self.state).to_have_text("Connected")

    def expect_no_sideways_scroll(self) -> None:
        """Assert that the page is not wider than the window."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


class ChatWindow(Window):
    """The chat page."""

    def __init__(self, page: Page, url: str) -> None:
        super().__init__(page, url)
        self.name_field = page.get_by_label("Your name")
        self.join_error = page.locator("#join-error")
        # The texts of messages: own, other people's, all, and the rows that the server lacks.
        self.own = self.log.locator(".own .text")
        self.others = self.log.locator(".other .text")
        self.texts = self.log.locator(".message .text")
        self.unsettled = self.log.locator("[data-state=sending], [data-state=failed]")
        self.notices = self.log.locator(".notice")
        self.editor = page.get_by_label("Edit message")
        self.scroller = page.get_by_label("Messages", exact=True)
        self.room_name = page.locator("#room-name")
        self.room_field = page.get_by_label("Name of a room")
        self.rooms = page.locator("#rooms-list .room-label")
        self.typing = page.locator("#typing")
        self.people = page.locator("#people-list .person-name")
        self.own_name = page.locator("#people-list .self .person-name")
        self.people_count = page.locator("#people-count")

    def send(self, text: str) -> None:
        """Write a text and send it, on a phone too."""
        self.field.fill(text)
        self.field.press("Control+Enter")

    def message(self, text: str) -> Locator:
        """Return the row of the message with this text."""
        return self.log.locator(".message").filter(has=self.page.get_by_text(text, exact=True))

    def unread(self, room: str) -> Locator:
        """Return the number of unread messages beside the name of a room."""
        name = self.page.get_by_text(room, exact=True)
        row = self.page.locator("#rooms-list .room").filter(has=name)
        return row.locator(".unread-badge")

    def act(self, text: str, action: str) -> None:
        """Press a button of the message with this text."""
        self.message(text).hover()
        self.message(text).get_by_role("button", name=action).click()

    def options(self, room: str) -> Locator:
        """Return the button that opens the menu of a room."""
        return self.page.locator(f'[data-room="{room}"]').get_by_role("button", name="Options")

    def choose(self, room: str, option: str) -> None:
        """Choose an entry of the menu of a room, with the keyboard."""
        self.options(room).press("Enter")
        self.page.get_by_role("menu").get_by_text(option, exact=True).press("Enter")

    def open_room(self, name: str) -> None:
        """Join a room, or switch to it, by its name."""
        self._open_drawer()
        self.room_field.fill(name)
        self.room_field.press("Enter")
        expect(self.room_name).to_have_text(name)

    def switch_to(self, name: str) -> None:
        """Open a room from the list."""
        self._open_drawer()
        self.page.locator(".room-open").filter(has_text=name).click()
        expect(self.room_name).to_have_text(name)

    def _open_drawer(self) -> None:
        toggle = self.page.locator("#rooms-toggle")
        if toggle.is_visible() and toggle.get_attribute("aria-expanded") == "false":
            toggle.click()

    def scroll_to_top(self) -> None:
        """Scroll to the top, and let the page notice."""
        self.scroller.evaluate("box => { box.scrollTop = 0 }")
        # The scroll event comes with the next frame.
        self.scroller.evaluate("() => new Promise(requestAnimationFrame)")

    def enter_name(self, name: str) -> None:
        """Fill in the join form and submit it."""
        self.name_field.fill(name)
        self.name_field.press("Enter")

    def join(self, name: str) -> "ChatWindow":
        """Join, and wait until the page is in the room.

        The page shows "Connected" before that, and sends no typing before it has joined a room.
        """
        self.enter_name(name)
        self.expect_connected()
        expect(self.field).to_be_focused()
        expect(self.own_name).to_have_count(1)
        return self

    def leave(self) -> None:
        """Leave the chat."""
        self.page.get_by_role("button", name="Leave", exact=True).click()


class EchoWindow(Window):
    """The echo page."""

    def __init__(self, page: Page, url: str) -> None:
        super().__init__(page, url)
        self.replies = self.log.locator(".server .words")

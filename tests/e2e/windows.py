"""The two pages as a person uses them."""

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.e2e.browser import PATIENCE_MS, POLL_MS

CONNECTED = "Connected"

_NOTE_WHAT_PASSES = """
new MutationObserver(() => {
  for (const id of ["typing", "loading"]) {
    const text = document.getElementById(id)?.textContent.trim();
    if (text) noteShown(id, text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


class Window:
    """A page, with all the sockets it has opened.

    Args:
        page: Not yet gone anywhere.
        url: Where it goes.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.sockets: list[WebSocket] = []
        self._shown: list[tuple[str, str]] = []
        self._sent: list[str | bytes] = []
        page.on("websocket", self._keep)
        page.expose_function("noteShown", lambda *shown: self._shown.append(shown))
        page.add_init_script(_NOTE_WHAT_PASSES)
        page.goto(url)

    def _keep(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framesent", lambda frame: self._sent.append(frame))  # noqa: PLW0108 - no builtin

    @property
    def open_sockets(self) -> int:
        """How many sockets are open or being opened."""
        return sum(not socket.is_closed() for socket in self.sockets)

    def expect_open_sockets(self, count: int) -> None:
        """Wait until so many are open; a close takes an answer of the server."""
        self.wait_for(lambda: self.open_sockets == count, f"{count} open sockets")

    def wait_for(self, fact: Callable[[], bool], what: str) -> None:
        """Wait for a fact that no locator can show."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not fact():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            self.page.wait_for_timeout(POLL_MS)

    def expect_shown(self, element: str, text: str) -> None:
        """Wait until an element shows a text, or has shown it.

        A text that stands for seconds only may be gone before a busy browser lets us look.

        Args:
            element: Its id: ``typing`` or ``loading``.
            text: A part of what it shows.
        """
        self.wait_for(
            lambda: any(one == element and text in shown for one, shown in self._shown),
            f"{text!r} in #{element}; it showed {self._shown}",
        )

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The JSON frames of this type that went to the server, in order."""
        frames = [json.loads(text) for text in self._sent if text[:1] in {"{", b"{"}]
        return [frame for frame in frames if frame["type"] == kind]

    @property
    def state(self) -> Locator:
        """The connection's state, in a word."""
        return self.page.locator("#pill")

    @property
    def bar(self) -> Locator:
        """The bar that says what is wrong with the connection."""
        return self.page.locator("#notice-bar")

    @property
    def store(self) -> Locator:
        """What was said."""
        return self.page.get_by_role("log")

    @property
    def field(self) -> Locator:
        """Where one writes."""
        return self.page.locator("#text")

    @property
    def send_button(self) -> Locator:
        """What sends."""
        return self.page.get_by_role("button", name="Send")

    def say(self, text: str) -> None:
        """Write and send."""
        self.field.fill(text)
        self.field.press("Enter")

    def expect_connected(self) -> None:
        """Wait until it is."""
        expect(self.state).to_have_text(CONNECTED)

    def expect_no_sideways_scroll(self) -> None:
        """Hold that the page is not wider than the window."""
        width, room = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= room


class ChatWindow(Window):
    """The chat page."""

    @property
    def name_field(self) -> Locator:
        """Where one gives one's name."""
        return self.page.get_by_label("Your name")

    @property
    def refusal(self) -> Locator:
        """Why one is not let in."""
        return self.page.locator("#join-error")

    @property
    def own(self) -> Locator:
        """The texts of own messages."""
        return self.store.locator(".own .text")

    @property
    def others(self) -> Locator:
        """The texts of the others' messages."""
        return self.store.locator(".other .text")

    @property
    def texts(self) -> Locator:
        """The texts of all messages."""
        return self.store.locator(".message .text")

    @property
    def notices(self) -> Locator:
        """What the server said."""
        return self.store.locator(".notice")

    @property
    def scroller(self) -> Locator:
        """What scrolls."""
        return self.page.get_by_label("Messages", exact=True)

    @property
    def title_room(self) -> Locator:
        """The name of the open room."""
        return self.page.locator("#room-name")

    @property
    def rooms(self) -> Locator:
        """The names in the list of rooms."""
        return self.page.locator("#rooms-list .room-label")

    def message(self, text: str) -> Locator:
        """The message that says this, with all that belongs to it."""
        return self.store.locator(".message").filter(has=self.page.get_by_text(text, exact=True))

    def unread(self, room: str) -> Locator:
        """The number of unread messages beside a room's name."""
        row = self.page.locator("#rooms-list .room").filter(
            has=self.page.get_by_text(room, exact=True)
        )
        return row.locator(".unread-badge")

    def open_room(self, name: str) -> None:
        """Join a room, or switch to it, by its name."""
        self._pull_out_rooms()
        self.page.get_by_label("Name of a room").fill(name)
        self.page.get_by_label("Name of a room").press("Enter")
        expect(self.title_room).to_have_text(name)

    def switch_to(self, name: str) -> None:
        """Open a room from the list."""
        self._pull_out_rooms()
        self.page.locator(".room-open").filter(has_text=name).click()
        expect(self.title_room).to_have_text(name)

    def _pull_out_rooms(self) -> None:
        toggle = self.page.locator("#rooms-toggle")
        if toggle.is_visible() and toggle.get_attribute("aria-expanded") == "false":
            toggle.click()

    def act(self, text: str, action: str) -> None:
        """Press one of the buttons of the message that says this."""
        message = self.message(text)
        message.hover()
        message.get_by_role("button", name=action).click()

    def look_back(self) -> None:
        """Scroll to the top, and let the page notice."""
        self.scroller.evaluate("box => { box.scrollTop = 0 }")
        # The scroll is told to the page a frame later; only then does it know.
        self.scroller.evaluate("() => new Promise(requestAnimationFrame)")

    @property
    def typing(self) -> Locator:
        """The line that says who is typing."""
        return self.page.locator("#typing")

    @property
    def people(self) -> Locator:
        """The names in the list of people."""
        return self.page.locator("#people-list .person-name")

    @property
    def marked(self) -> Locator:
        """The names in the list that are marked as one's own."""
        return self.page.locator("#people-list .self .person-name")

    @property
    def people_count(self) -> Locator:
        """How many people there are."""
        return self.page.locator("#people-count")

    def give_name(self, name: str) -> None:
        """Fill in the form and send it."""
        self.name_field.fill(name)
        self.name_field.press("Enter")

    def join(self, name: str) -> "ChatWindow":
        """Come in under this name, and wait until the page is in the room.

        The page says "Connected" before that, and does not tell of typing in a room it has not
        joined.
        """
        self.give_name(name)
        self.expect_connected()
        expect(self.field).to_be_focused()
        expect(self.marked).to_have_count(1)
        return self

    def leave(self) -> None:
        """Go out."""
        self.page.get_by_role("button", name="Leave").click()


class EchoWindow(Window):
    """The echo page."""

    @property
    def lines(self) -> Locator:
        """What was sent and what came back."""
        return self.store.locator(".you, .server")

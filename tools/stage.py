"""A server with a conversation on it, and windows that show the chat page in any state."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import LOCALE, PATIENCE_MS
from tests.e2e.line import Line
from tests.e2e.server import serving
from tests.e2e.windows import ChatWindow
from tests.support.client import Chatter
from tests.support.server import ChatServer
from tests.support.site import Site

SETTINGS = ("--message-rate", "0", "--upgrade-rate", "0")
"""Nothing has to wait, because no limit counts."""

WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 1.5,
}

_CLOSE_ALL = """
for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
for (const popover of document.querySelectorAll(":popover-open")) popover.hidePopover();
"""


class Person:
    """A user without a page.

    Args:
        server: The chat.
        name: The user's name.
    """

    def __init__(self, server: ChatServer, name: str) -> None:
        hello = {"type": "hello", "v": 2, "username": name, "rooms": {}}
        self._client = Chatter(server.url(), json.dumps(hello))
        self._count = 0
        self.leave = self._client.leave

    def join(self, *rooms: str) -> None:
        """Join rooms; nothing happens for one that the user is in."""
        for room in rooms:
            self._ask(type="join", room=room)

    def write(self, room: str, text: str) -> int:
        """Send a message, and return its `seq` once it is stored."""
        return int(self._ask(type="message", room=room, message=text)["seq"])

    def edit(self, room: str, text: str, later: str | None) -> None:
        """Send a message and change its text; None deletes it."""
        stored = self._ask(type="message", room=room, message=text)["id"]
        if later is None:
            self._ask(type="delete", room=room, id=stored)
        else:
            self._ask(type="edit", room=room, id=stored, message=later)

    def read(self, room: str, seq: int) -> None:
        """Record that the user has read up to here."""
        self._client.send(type="read", room=room, seq=seq)

    def type(self, room: str) -> None:
        """Announce that the user is writing."""
        self._client.send(type="typing", room=room, isTyping=True)

    def _ask(self, **fields: object) -> dict[str, Any]:
        self._count += 1
        ref = str(self._count)
        self._client.send(ref=ref, **fields)
        answer = self._client.first(lambda event: event.get("ref") == ref)
        if answer["type"] == "error":
            raise ValueError(answer)
        return answer


class Stage:
    """Opens windows of a server. One window serves all states that only open something in it.

    Args:
        browser: Opens the windows.
        server: The server of the pages.
        site: Another site, which may show the chat in a frame.
        lasting: Closes at the end what serves several states.
    """

    def __init__(
        self, browser: Browser, server: ChatServer, site: Site, lasting: ExitStack
    ) -> None:
        self._browser = browser
        self._site = site
        self._lasting = lasting
        self._shared: dict[str, ChatWindow] = {}
        self._brief = ExitStack()
        self._people: dict[str, Person] = {}
        self._done: set[Callable[[Stage], None]] = set()
        self.server = server

    @contextmanager
    def show(self, bring: Callable[["Stage"], Page]) -> Iterator[Page]:
        """Bring a page to a state for the block, and close what only that state needed."""
        with ExitStack() as self._brief:
            yield bring(self)

    def once(self, *prepare: Callable[["Stage"], None]) -> None:
        """Call each function, unless a state before has."""
        for one in prepare:
            if one not in self._done:
                self._done.add(one)
                one(self)

    def person(self, name: str, *rooms: str) -> Person:
        """Return a user that is in these rooms."""
        if name not in self._people:
            self._people[name] = Person(self.server, name)
            self._lasting.callback(self._people[name].leave)
        self._people[name].join(*rooms)
        return self._people[name]

    def page(self, **options: Any) -> Page:  # noqa: ANN401 - playwright's options of a context
        """Open an empty window for one state."""
        return self._open(self._brief, options)

    def chat(
        self,
        path: str = "/",
        prepare: Callable[[Page], None] | None = None,
        **options: Any,  # noqa: ANN401 - playwright's options of a context
    ) -> ChatWindow:
        """Open the chat page for one state."""
        page = self.page(**options)
        if prepare is not None:
            prepare(page)
        return ChatWindow(page, self.server.page(path))

    def join(
        self,
        name: str,
        *rooms: str,
        line: Line | None = None,
        **options: Any,  # noqa: ANN401 - as `chat`
    ) -> ChatWindow:
        """Open the chat page for one state, and join rooms, the first one in view."""
        return self._join(self._brief, name, rooms, options, line)

    def line(self, name: str, *rooms: str) -> tuple[ChatWindow, Line]:
        """As `join`, over a line that the state manipulates."""
        line = Line()
        return self._join(self._brief, name, rooms, {}, line), line

    def shared(
        self,
        device: str,
        *rooms: str,
        **options: Any,  # noqa: ANN401 - as `chat`
    ) -> ChatWindow:
        """Return the window of a device of ann. Nothing is open in it but the first room."""
        if device not in self._shared:
            self._shared[device] = self._join(self._lasting, "ann", rooms, options)
        window = self._shared[device]
        window.page.evaluate(_CLOSE_ALL)
        window.page.evaluate("room => { location.hash = `#/room/${room}`; }", rooms[0])
        expect(window.room_name).to_have_text(rooms[0])
        window.page.keyboard.press("Escape")
        window.page.mouse.move(0, 0)
        window.field.fill("")
        return window

    def frame(self, path: str) -> Page:
        """Open a page of another site with the chat in a frame."""
        self._site.html = f"""<!doctype html>
        <title>Intranet</title>
        <body style="margin: 3rem; background: lightsteelblue; text-align: end">
        <iframe title="Chat" width="440" height="640" src="{self.server.page(path)}"></iframe>"""
        page = self.page()
        page.goto(self._site.origin)
        return page

    def _join(
        self,
        stack: ExitStack,
        name: str,
        rooms: tuple[str, ...],
        options: dict[str, Any],
        line: Line | None = None,
    ) -> ChatWindow:
        page = self._open(stack, options)
        if line is not None:
            line.prepare(page)
        stored = f"trio-chat-rooms:{name.lower()}", json.dumps(rooms)
        page.add_init_script(f"localStorage[{json.dumps(stored[0])}] ??= {json.dumps(stored[1])}")
        window = ChatWindow(page, self.server.page(f"/#/room/{rooms[0]}"))
        page.locator("#name").fill(name)  # its label is German in a German browser
        page.locator("#name").press("Enter")
        expect(window.state).to_have_attribute("data-state", "open")
        expect(window.own_name).to_have_count(1)
        return window

    def _open(self, stack: ExitStack, options: dict[str, Any]) -> Page:
        # Nothing moves, so no picture shows the middle of a movement.
        usual = {"locale": LOCALE, "reduced_motion": "reduce", "service_workers": "block"}
        context = self._browser.new_context(**{**usual, **WIDE, **options})
        stack.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        return context.new_page()


@contextmanager
def stage(browser: Browser, scratch: Path) -> Iterator[Stage]:
    """Start a server for a stage; `scratch` receives its log."""
    with (
        Site() as site,
        serving(scratch / "log", *SETTINGS, "--embed-origin", site.origin) as server,
        ExitStack() as lasting,
    ):
        yield Stage(browser, server, site, lasting)

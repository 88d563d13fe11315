"""Take the pictures of README and docs, from a conversation on the real server.

Run from the root of the checkout: ``python -m tests.e2e.screenshots [FOLDER]``.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, expect

from tests.e2e.browser import chromium
from tests.e2e.line import Frame, Line
from tests.e2e.server import ChatServer
from tests.e2e.windows import ChatWindow, EchoWindow, Window

W = TypeVar("W", bound=Window)

DEFAULT_FOLDER = Path("docs/images")
DESKTOP = {"viewport": {"width": 1180, "height": 740}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5}

EARLIER = [
    ("Mira", "Morning! The release is on staging since half past eight."),
    ("Mira", "Logs are quiet so far."),
    (
        "Theo",
        "Good. Then I'll walk through the list:\n1. stop the server\n2. watch the tabs come back",
    ),
]
LATER = [
    ("ann", "Two tabs and a phone are open here, go ahead."),
    ("Theo", "Stopping it now."),
    ("ann", "All three say “Reconnecting in 2 s”…"),
    ("ann", "…and they are back. Nothing doubled, nothing lost."),
    ("Sam", "Same on my phone"),
    ("Élodie", "Même chose ici ✓"),
    ("Mira", "Then we ship at eleven. Who writes the note?"),
]
ELSEWHERE = [
    ("Theo", "The kettle is on"),
    ("Sam", "Two for me, I have a long list today"),
]


class Studio:
    """Windows on one server, by the name of who sits there.

    Args:
        browser: Where they open.
        server: What they talk to.
        windows: Closes them at the end.
    """

    def __init__(self, browser: Browser, server: ChatServer, windows: ExitStack) -> None:
        self._browser = browser
        self._server = server
        self._windows = windows
        self._people: dict[str, ChatWindow] = {}

    def open(
        self,
        kind: type[W],
        path: str,
        line: Line | None = None,
        **options: Any,  # noqa: ANN401 - playwright's options
    ) -> W:
        """Open a page, over a line of its own if there is one."""
        context = self._windows.enter_context(self._browser.new_context(**options))
        page = context.new_page()
        if line is not None:
            line.prepare(page)
        return kind(page, self._server.url(path))

    def join(self, name: str, **options: Any) -> ChatWindow:  # noqa: ANN401 - playwright's options
        """Let somebody come in."""
        self._people[name] = self.open(ChatWindow, "/", **options).join(name)
        return self._people[name]

    def window(self, name: str) -> ChatWindow:
        """Where this person sits."""
        return self._people[name]

    def say(self, lines: list[tuple[str, str]]) -> None:
        """Let them talk, one after the other."""
        for name, text in lines:
            window = self._people[name]
            before = window.texts.count()
            window.say(text)
            expect(window.texts).to_have_count(before + 1)


def prepare_rooms(studio: Studio, ann: ChatWindow) -> None:
    """Let there be other rooms, in one of which something is unread."""
    for name in ("Theo", "Sam"):
        studio.window(name).open_room("tea")
    for room in ("release", "tea", "general"):
        ann.open_room(room)
    studio.say(ELSEWHERE)
    for name in ("Theo", "Sam"):
        studio.window(name).switch_to("general")


def photograph_chat(studio: Studio, folder: Path) -> None:
    """A conversation, on a desk, in the dark, on a phone."""
    mira = studio.join("Mira")
    phone = studio.join("Sam", **PHONE)
    for name in ("Theo", "Élodie"):
        studio.join(name)
    studio.say(EARLIER)
    ann = studio.join("ann", **DESKTOP)
    prepare_rooms(studio, ann)
    studio.say(LATER)
    mira.field.press("ArrowUp")
    mira.page.get_by_label("Edit message").fill("Then we ship at noon. Who writes the note?")
    mira.page.get_by_label("Edit message").press("Enter")
    studio.say([("ann", "I do, give me ten minutes.")])
    expect(ann.store.locator(".seen").last).to_contain_text("Seen by Mira, Sam, Theo")
    ann.field.fill("It will say that rooms are in, and")
    dark = studio.join("Noor", **DESKTOP, color_scheme="dark")
    dark.open_room("release")
    dark.switch_to("general")
    for name, window in {"chat": ann, "chat-phone": phone, "chat-dark": dark}.items():
        mira.field.press("T")
        expect(window.typing).not_to_be_empty()
        window.page.screenshot(path=folder / f"{name}.png")


def photograph_trouble(studio: Studio, folder: Path) -> None:
    """A message that failed, one that waits, and the bar of a server that is away."""
    line = Line()

    def refuse(frame: Frame) -> bool:
        if frame["type"] == "message" and frame["message"].startswith("A whole chapter"):
            line.tell(
                type="error", code="internal", message="Something went wrong.", ref=frame["ref"]
            )
            return False
        return True

    line.lets_out = refuse
    nils = studio.open(ChatWindow, "/", line, viewport={"width": 900, "height": 560}).join("Nils")
    nils.open_room("release")
    nils.say("The note is in the folder.")
    expect(nils.message("The note is in the folder.")).to_have_attribute("data-state", "sent")
    nils.say("A whole chapter about it, too.")
    expect(nils.store.locator("[data-state=failed]")).to_have_count(1)
    nils.page.route_web_socket("**/ws", lambda route: route.close(code=1001))
    line.cut(1001)
    nils.say("This I write while the server is away.")
    expect(nils.bar).to_contain_text("Reconnecting in")
    nils.page.screenshot(path=folder / "chat-trouble.png")


def photograph_echo(studio: Studio, folder: Path) -> None:
    """The echo page after three lines."""
    echo = studio.open(EchoWindow, "/echo", viewport={"width": 900, "height": 520})
    echo.expect_connected()
    for count, text in enumerate(("hello", "grüß dich ✓", '{"any": "text", "you": "like"}'), 1):
        echo.say(text)
        expect(echo.lines).to_have_count(2 * count)
    echo.page.screenshot(path=folder / "echo.png")


def main(folder: Path) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        ChatServer(Path(scratch) / "server.log") as server,
        chromium() as browser,
        ExitStack() as windows,
    ):
        studio = Studio(browser, server, windows)
        photograph_chat(studio, folder)
        photograph_trouble(studio, folder)
        photograph_echo(studio, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER)

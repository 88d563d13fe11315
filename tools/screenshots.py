"""Take the pictures of the README and the docs, from a conversation on the real server.

Run it from the root of the checkout: ``python -m tools.screenshots [FOLDER]``. With
``--states FOLDER [NAME …]`` it takes a picture of each state of the pages, or of those named.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, expect

from tests.e2e.browser import LOCALE, chromium
from tests.e2e.line import Line
from tests.e2e.server import serving
from tests.e2e.windows import ChatWindow, EchoWindow, Window
from tests.support.server import ChatServer
from tools.stage import stage
from tools.states import STATES

W = TypeVar("W", bound=Window)

DESKTOP = {"viewport": {"width": 1180, "height": 740}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5}

EARLIER = [
    ("Mira", "Morning! The release is on staging since half past eight."),
    ("Mira", "Logs are quiet so far."),
    ("Theo", "Good. Here is the list:\n1. stop the server\n2. watch the tabs come back"),
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
ELSEWHERE = [("Theo", "The kettle is on"), ("Sam", "Two for me, I have a long list today")]


class Studio:
    """Windows on one server, by the name of their user.

    Args:
        browser: Opens the windows.
        server: The server of the pages.
        windows: Closes the windows at the end.
    """

    def __init__(self, browser: Browser, server: ChatServer, windows: ExitStack) -> None:
        self._browser = browser
        self._server = server
        self._windows = windows
        self.people: dict[str, ChatWindow] = {}

    def open(
        self,
        kind: type[W],
        path: str,
        line: Line | None = None,
        **options: Any,  # noqa: ANN401 - playwright's options
    ) -> W:
        """Open a page, over a line of its own if given."""
        context = self._windows.enter_context(
            self._browser.new_context(**{"locale": LOCALE, **options})
        )
        page = context.new_page()
        if line is not None:
            line.prepare(page)
        return kind(page, self._server.page(path))

    def join(self, name: str, **options: Any) -> ChatWindow:  # noqa: ANN401 - playwright's options
        """Open a chat window and join."""
        self.people[name] = self.open(ChatWindow, "/", **options).join(name)
        return self.people[name]

    def converse(self, lines: list[tuple[str, str]]) -> None:
        """Send messages one after the other."""
        for name, text in lines:
            window = self.people[name]
            window.send(text)
            expect(window.own.last).to_contain_text(text.partition("\n")[0])
            expect(window.unsettled).to_have_count(0)


def photograph_chat(studio: Studio, folder: Path) -> None:
    """Take a conversation on a desktop, in dark mode, and on a phone."""
    mira = studio.join("Mira")
    phone = studio.join("Sam", **PHONE)
    for name in ("Theo", "Élodie"):
        studio.join(name)
    studio.converse(EARLIER)
    ann = studio.join("ann", **DESKTOP)
    for name in ("Theo", "Sam"):
        studio.people[name].open_room("tea")
    for room in ("release", "tea", "general"):
        ann.open_room(room)
    studio.converse(ELSEWHERE)
    for name in ("Theo", "Sam"):
        studio.people[name].switch_to("general")
    studio.converse(LATER)
    mira.field.press("ArrowUp")
    mira.editor.fill("Then we ship at noon. Who writes the note?")
    mira.editor.press("Enter")
    studio.converse([("ann", "I do, give me ten minutes.")])
    expect(ann.log.locator(".seen").last).to_contain_text("Seen by Mira, Sam, Theo")
    ann.field.fill("It will say that rooms are in, and")
    dark = studio.join("Noor", **DESKTOP, color_scheme="dark")
    dark.open_room("release")
    dark.switch_to("general")
    for name, window in {"chat": ann, "chat-phone": phone, "chat-dark": dark}.items():
        mira.field.press("T")
        expect(window.typing).not_to_be_empty()
        window.page.screenshot(path=folder / f"{name}.png")


def photograph_failures(studio: Studio, folder: Path) -> None:
    """Take a failed message, a waiting one, and the bar of a page without its server."""
    line = Line()
    nils = studio.open(ChatWindow, "/", line, viewport={"width": 900, "height": 560}).join("Nils")
    nils.open_room("release")
    nils.send("The note is in the folder.")
    expect(nils.message("The note is in the folder.")).to_have_attribute("data-state", "sent")
    line.reject("internal", "Something went wrong.")
    nils.send("A whole chapter about it, too.")
    expect(nils.log.locator("[data-state=failed]")).to_have_count(1)
    nils.page.route_web_socket("**/ws", lambda route: route.close(code=1001))
    line.cut(1001)
    nils.send("I write this while the server is away.")
    expect(nils.bar).to_contain_text("Reconnecting in")
    nils.page.screenshot(path=folder / "chat-trouble.png")


def photograph_echo(studio: Studio, folder: Path) -> None:
    """Take the echo page after three replies."""
    echo = studio.open(EchoWindow, "/echo", viewport={"width": 900, "height": 520})
    echo.expect_connected()
    for count, text in enumerate(("hello", "grüß dich ✓", '{"any": "text", "you": "like"}'), 1):
        echo.send(text)
        expect(echo.replies).to_have_count(count)
    echo.page.screenshot(path=folder / "echo.png")


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch) / "server.log") as server,
        chromium() as browser,
        ExitStack() as windows,
    ):
        studio = Studio(browser, server, windows)
        photograph_chat(studio, folder)
        photograph_failures(studio, folder)
        photograph_echo(studio, folder)


def photograph_states(folder: Path, names: list[str]) -> None:
    """Take a picture of each of these states; of all for an empty list."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        chromium() as browser,
        stage(browser, Path(scratch)) as theatre,
    ):
        for name in names or STATES:
            with theatre.show(STATES[name]) as page:
                page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--states", folder, *names]:
            photograph_states(Path(folder), names)
        case [folder]:
            main(Path(folder))
        case _:
            main(Path("docs/images"))

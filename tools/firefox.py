"""Use the chat in a real Firefox: ``nox -s firefox``.

Playwright drives only a Firefox of its own build. This drives the one of the system by WebDriver
BiDi, which Firefox itself speaks (https://w3c.github.io/webdriver-bidi/).
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection

from tests.e2e.server import serving
from tests.support.client import Chatter, dial, is_type
from tests.support.ports import free_port
from tests.support.server import ChatServer
from tools.stage import Person

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.05

KEYS = {"Enter": "\ue007", "ArrowUp": "\ue013", "Escape": "\ue00c", "Control": "\ue009"}

PREFERENCES = {
    "intl.accept_languages": "en-GB",
    # A proxy that is not there: nothing but this machine can be reached.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
}


def _require(fact: bool, what: object) -> None:  # noqa: FBT001 - as `assert`
    if not fact:
        raise AssertionError(what)


class Firefox:
    """One tab of a running Firefox.

    Attributes:
        errors: What the page has written to the console as an error.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._count = 0
        self.errors: list[str] = []
        self._call("session.new", capabilities={})
        self._call("session.subscribe", events=["log.entryAdded"])
        self._tab = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE_SECONDS))
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.errors.append(str(answer["params"]["text"]))
            if answer.get("id") == self._count:
                _require(answer["type"] == "success", answer)
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, url: str) -> None:
        """Load a page."""
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def reload(self) -> None:
        """Load the page again."""
        self._call("browsingContext.reload", context=self._tab, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Change the size of the view."""
        view = {"width": width, "height": height}
        self._call("browsingContext.setViewport", context=self._tab, viewport=view)

    def value(self, expression: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the value of an expression of JavaScript."""
        target = {"context": self._tab}
        text = f"JSON.stringify({expression})"
        answer = self._call("script.evaluate", expression=text, target=target, awaitPromise=True)
        _require(answer["type"] == "success", answer)
        return json.loads(answer["result"].get("value", "null"))

    def wait(self, expression: str) -> None:
        """Wait until an expression is true.

        Raises:
            AssertionError: It did not become true in time.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.value(expression):
            _require(time.monotonic() < deadline, f"never true: {expression}")
            time.sleep(POLL_SECONDS)

    def wait_for_texts(self, selector: str, *texts: str) -> None:
        """Wait until the elements of a selector have these texts."""
        every = f"[...document.querySelectorAll({json.dumps(selector)})]"
        self.wait(
            f"{every}.map((one) => one.textContent).join('|') === {json.dumps('|'.join(texts))}"
        )

    def press(self, *keys: str) -> None:
        """Press keys one after the other, and release them in the end."""
        names = [KEYS.get(key, key) for key in keys]
        actions = [
            *({"type": "keyDown", "value": name} for name in names),
            *({"type": "keyUp", "value": name} for name in reversed(names)),
        ]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._call("input.performActions", context=self._tab, actions=[keyboard])

    def write(self, text: str) -> None:
        """Type a text."""
        for letter in text:
            self.press(letter)

    def photograph(self, path: Path) -> None:
        """Save a picture of the view."""
        picture = self._call("browsingContext.captureScreenshot", context=self._tab)["data"]
        path.write_bytes(b64decode(picture))

    def close(self) -> None:
        """Close the browser."""
        self._call("browser.close")


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Start the Firefox of the system, without a window.

    Raises:
        AssertionError: There is none.
    """
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        raise AssertionError("no Firefox: apt-get install firefox-esr")
    profile.mkdir()
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(to)});" for key, to in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    port = free_port()
    flags = ["--headless", "--no-remote", "--profile", str(profile)]
    command = [program, *flags, "--remote-debugging-port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    home = {**os.environ, "HOME": str(profile)}
    with ExitStack() as stack:
        process = subprocess.Popen(command, env=home, **quiet)  # type: ignore[call-overload]
        stack.callback(process.wait)
        stack.callback(process.terminate)
        driver = Firefox(stack.enter_context(_dial(f"ws://127.0.0.1:{port}/session")))
        yield driver
        driver.close()


def _dial(url: str) -> Any:  # noqa: ANN401 - a context manager of websockets
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            dialled = dial(url, max_size=None)
        except OSError:
            _require(time.monotonic() < deadline, "Firefox did not start")
            time.sleep(POLL_SECONDS)
        else:
            return dialled


def converse(browser: Firefox, server: ChatServer) -> None:
    """Join, send, receive, edit, and use the keyboard."""
    bob = Person(server, "bob")
    bob.join("general")
    browser.resize(1280, 800)
    browser.open(server.page("/"))
    browser.wait("document.activeElement?.id === 'name'")
    browser.write("ann")
    browser.press("Enter")
    browser.wait("document.querySelector('#pill').textContent === 'Connected'")
    browser.wait("document.activeElement?.id === 'text'")
    browser.write("hello from Firefox")
    browser.press("Enter")
    browser.wait_for_texts(".own .text", "hello from Firefox")
    bob.write("general", "hello, **ann**: `code` and https://example.org")
    browser.wait_for_texts(".other .text", "hello, ann: code and https://example.org")
    browser.wait_for_texts(".other :is(strong, code, a)", "ann", "code", "https://example.org")
    browser.press("ArrowUp")
    browser.wait("document.activeElement?.matches('.editor textarea')")
    browser.write(", edited")
    browser.press("Enter")
    browser.wait_for_texts(".own .text", "hello from Firefox, edited")
    browser.wait("document.activeElement?.id === 'text'")
    browser.write("@bo")
    browser.wait("document.querySelector('#offers:not([hidden]) [role=option]') !== null")
    browser.press("Enter")
    browser.wait("document.querySelector('#text').value === '@bob '")
    browser.press("Control", "k")
    browser.wait("document.querySelector('#switcher').open")
    browser.write("Other Room")
    browser.press("Enter")
    browser.wait_for_texts("#room-name", "other-room")
    browser.value("history.back()")
    browser.wait_for_texts("#room-name", "general")
    browser.wait("document.querySelector('#text').value === '@bob '")
    bob.leave()


def lose_the_server(browser: Firefox, server: ChatServer) -> None:
    """Write while the server is away, and find all of it once after a reload."""
    server.kill()
    browser.wait("!document.querySelector('#notice-bar').hidden")
    browser.write("sent while the server is away")
    browser.press("Enter")
    browser.wait("document.querySelector('.own[data-state=sending]') !== null")
    server.start()
    browser.wait("document.querySelector('#pill').textContent === 'Connected'")
    browser.wait("document.querySelector('[data-state=sending]') === null")
    browser.reload()
    sent = "@bob sent while the server is away"
    browser.wait_for_texts(".own .text", "hello from Firefox, edited", sent)
    eve = Chatter(server.url(), "eve")
    stored = eve.first(is_type("history"))["history"]
    _require([one["message"] for one in stored].count(sent) == 1, stored)
    eve.leave()


def use_a_phone(browser: Firefox) -> None:
    """Open a list over the page, and close it."""
    browser.resize(390, 844)
    browser.wait("document.documentElement.scrollWidth <= innerWidth")
    browser.value("document.querySelector('#rooms-toggle').click()")
    browser.wait("document.activeElement?.id === 'rooms-close'")
    browser.press("Escape")
    browser.wait("document.activeElement?.id === 'rooms-toggle'")


def main() -> None:
    """Do it, and save a picture if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        store = f"sqlite:{scratch / 'chat.db'}"
        with (
            serving(scratch / "log", "--store", store) as server,
            firefox(scratch / "profile") as browser,
        ):
            try:
                converse(browser, server)
                lose_the_server(browser, server)
                use_a_phone(browser)
            except AssertionError:
                browser.photograph(Path("firefox-failure.png"))
                raise
            expected = "establish a connection to the server"  # while it was away
            errors = [error for error in browser.errors if expected not in error]
            _require(not errors, errors)


if __name__ == "__main__":
    main()

"""A real Chromium, and a guard that nothing goes wrong in it unseen."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import WebSocket as PageSocket

PATIENCE_MS = 20_000
"""How long anything may take before a test gives up: far above what it takes on a busy machine."""

POLL_MS = 20
"""How often a fact is looked at that no locator can wait for."""

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, the one without windows where it is there, or what ``CHROMIUM`` names.

    The two are of one build, and differ in what is around a page; without it, a window of a test
    costs half the processor time.

    Raises:
        AssertionError: There is none. The tests fail then: skipped, they would look green.
    """
    found = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
    path = Path(os.environ.get("CHROMIUM", found))
    assert path.exists(), f"no browser at {path}: apt-get install chromium, or set CHROMIUM"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Guard:
    """Watches pages: console errors, exceptions, policy violations, requests to other hosts.

    Args:
        origin: The only place a page may ask anything of.
    """

    def __init__(self, origin: str) -> None:
        self._host = origin.partition("://")[2]
        self._allowed: list[str] = []
        self.problems: list[str] = []

    def allow(self, pattern: str) -> None:
        """Expect a problem; the pattern is searched in its text."""
        self._allowed.append(pattern)

    def watch_context(self, context: BrowserContext) -> None:
        """Hear of violations of the content security policy, from the first script on."""
        context.set_default_timeout(PATIENCE_MS)
        context.expose_function("reportViolation", lambda text: self._note("CSP", text))
        context.add_init_script(_REPORT_VIOLATIONS)

    def watch_page(self, page: Page) -> None:
        """Hear of everything else."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._note("exception", str(error)))
        page.on("request", self._check_request)
        page.on("websocket", self._check_socket)

    def assert_no_problems(self) -> None:
        """Hold that nothing happened but what was allowed."""
        assert self.problems == []

    def _note(self, kind: str, text: str) -> None:
        problem = f"{kind}: {text}"
        if not any(re.search(pattern, problem) for pattern in self._allowed):
            self.problems.append(problem)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"console {message.type}", message.text)

    def _check_request(self, request: Request) -> None:
        self._check_url(request.url)

    def _check_socket(self, socket: PageSocket) -> None:
        self._check_url(socket.url)

    def _check_url(self, url: str) -> None:
        if url.partition("://")[2].partition("/")[0] != self._host:
            self._note("another host", url)

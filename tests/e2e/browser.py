"""A real Chromium, and a guard that reports every problem in its pages."""

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
    expect,
    sync_playwright,
)

PATIENCE_MS = 20_000
"""A test fails after waiting this long: far above what anything takes on a busy machine."""

POLL_MS = 20
"""The interval of checks for facts that no locator can wait for."""

LOCALE = "en-GB"
"""The language of the browser, and so of the page, whatever the machine speaks."""

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
    """Start Debian's headless Chromium, else its full one, or the one that ``CHROMIUM`` names.

    The headless build is the same engine, and a window of it costs half the processor time.

    Raises:
        AssertionError: No Chromium is installed. Skipped tests would look green.
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
    """Collects console errors, exceptions, policy violations, and requests to other hosts.

    Args:
        origin: The only origin that a page may contact.
    """

    def __init__(self, origin: str) -> None:
        self._host = origin.partition("://")[2]
        self._allowed: list[str] = ["Service Worker registration blocked by Playwright"]
        self.problems: list[str] = []

    def allow(self, pattern: str) -> None:
        """Ignore problems that match a pattern."""
        self._allowed.append(pattern)

    def watch_context(self, context: BrowserContext) -> None:
        """Report violations of the content security policy, from the first script on."""
        context.set_default_timeout(PATIENCE_MS)
        context.expose_function("reportViolation", lambda text: self._report("CSP", text))
        context.add_init_script(_REPORT_VIOLATIONS)

    def watch_page(self, page: Page) -> None:
        """Report everything else."""
        page.on("console", self._report_console)
        page.on("pageerror", lambda error: self._report("exception", str(error)))
        page.on("request", lambda request: self._check_url(request.url))
        page.on("websocket", lambda socket: self._check_url(socket.url))

    def assert_no_problems(self) -> None:
        """Assert that no problem happened but the allowed ones."""
        assert self.problems == [], self.problems

    def _report(self, kind: str, text: str) -> None:
        problem = f"{kind}: {text}"
        if not any(re.search(pattern, problem) for pattern in self._allowed):
            self.problems.append(problem)

    def _report_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._report(f"console {message.type}", message.text)

    def _check_url(self, url: str) -> None:
        if url.partition("://")[2].partition("/")[0] != self._host:
            self._report("another host", url)

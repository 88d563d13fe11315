"""A server for each test, one browser for all, and windows of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import LOCALE, Guard, chromium
from tests.e2e.server import serving
from tests.e2e.windows import ChatWindow, EchoWindow, Window
from tests.support.server import ChatServer

TIMEOUT_SECONDS = 300
"""More than a test takes while four browsers start on a busy machine. An interrupted test leaves an
unusable browser to the tests after it. A missing fact is reported after `PATIENCE_MS`."""

OpenChat = Callable[..., ChatWindow]
OpenEcho = Callable[..., EchoWindow]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of the tests in this folder."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests: its start takes longer than most of them."""
    with chromium() as started:
        yield started


@pytest.fixture
def settings() -> tuple[str, ...]:
    """Flags of the server. A test can override them."""
    return ()


@pytest.fixture
def server(tmp_path: Path, settings: tuple[str, ...]) -> Iterator[ChatServer]:
    """A server with an empty store."""
    with serving(tmp_path / "server.log", *settings) as started:
        yield started


@pytest.fixture
def guard(server: ChatServer) -> Iterator[Guard]:
    """Fails the test if anything goes wrong in any of its windows."""
    watching = Guard(server.origin)
    yield watching
    watching.assert_no_problems()


@pytest.fixture
def open_window(
    browser: Browser, server: ChatServer, guard: Guard
) -> Iterator[Callable[..., Window]]:
    """Open windows, each of another person: with a storage of its own."""
    with ExitStack() as stack:

        def open_one(
            kind: type[Window],
            path: str,
            *,
            prepare: Callable[[Page], None] | None = None,
            **options: Any,  # noqa: ANN401 - playwright's options of a context
        ) -> Window:
            # A service worker fetches files itself, so no test could fail a request.
            options = {"locale": LOCALE, "service_workers": "block", **options}
            context = stack.enter_context(browser.new_context(**options))
            guard.watch_context(context)
            page = context.new_page()
            guard.watch_page(page)
            if prepare is not None:
                prepare(page)
            return kind(page, server.page(path))

        yield open_one


@pytest.fixture
def open_chat(open_window: Callable[..., ChatWindow]) -> OpenChat:
    """Open chat pages. ``prepare`` gets the page before it loads."""
    return lambda path="/", **options: open_window(ChatWindow, path, **options)


@pytest.fixture
def open_echo(open_window: Callable[..., EchoWindow]) -> OpenEcho:
    """Open echo pages."""
    return lambda path="/echo", **options: open_window(EchoWindow, path, **options)


def hold_clock(page: Page) -> None:
    """Let a test control the page's clock."""
    page.clock.install()

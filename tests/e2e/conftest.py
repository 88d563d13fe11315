"""A server for each test, one browser for all, and windows of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import Guard, chromium
from tests.e2e.server import ChatServer
from tests.e2e.windows import ChatWindow, EchoWindow, Window

HUNG_AFTER_SECONDS = 300
"""More than a test takes where four browsers start at once on a busy machine. A test that is
interrupted in the middle of a call leaves a browser that nobody can use, so all tests behind it
fail, too. A fact that does not come is reported after `PATIENCE_MS`."""

OpenChat = Callable[..., ChatWindow]
OpenEcho = Callable[..., EchoWindow]
Lose = Callable[[ChatServer, Window], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here their time."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(HUNG_AFTER_SECONDS))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all: starting it takes longer than most tests."""
    with chromium() as started:
        yield started


@pytest.fixture
def settings() -> tuple[str, ...]:
    """Flags of the server; a test may give others by parametrizing this."""
    return ()


@pytest.fixture
def server(tmp_path: Path, settings: tuple[str, ...]) -> Iterator[ChatServer]:
    """A server with an empty log."""
    with ChatServer(tmp_path / "server.log", *settings) as started:
        yield started


@pytest.fixture
def guard(server: ChatServer) -> Iterator[Guard]:
    """Fails the test if anything went wrong in any window of it."""
    watching = Guard(server.origin)
    yield watching
    watching.assert_no_problems()


@pytest.fixture
def open_window(
    browser: Browser, server: ChatServer, guard: Guard
) -> Iterator[Callable[..., Window]]:
    """Open windows, each of a person of its own: with storage of its own."""
    with ExitStack() as stack:

        def open_one(
            kind: type[Window],
            path: str,
            *,
            prepare: Callable[[Any], None] | None = None,
            **options: Any,  # noqa: ANN401 - playwright's own options of a context
        ) -> Window:
            context = stack.enter_context(browser.new_context(**options))
            guard.watch_context(context)
            page = context.new_page()
            guard.watch_page(page)
            if prepare is not None:
                prepare(page)
            return kind(page, server.url(path))

        yield open_one


@pytest.fixture
def open_chat(open_window: Callable[..., ChatWindow]) -> OpenChat:
    """Open chat pages. ``prepare`` is called with the page before it goes there."""
    return lambda **options: open_window(ChatWindow, "/", **options)


@pytest.fixture
def open_echo(open_window: Callable[..., EchoWindow]) -> OpenEcho:
    """Open echo pages."""
    return lambda **options: open_window(EchoWindow, "/echo", **options)


@pytest.fixture
def lose(guard: Guard) -> Lose:
    """Kill the server, and wait until the window has noticed."""

    def end(server: ChatServer, window: Window) -> None:
        # Chromium itself writes one line for each try; it cannot be silenced.
        guard.allow("WebSocket connection to .* failed")
        server.kill()
        expect(window.bar).to_contain_text("Reconnecting in")

    return end

"""The page loads although files fail, and asks for almost nothing when it is opened again."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer

FAILED = "Part of this page failed to load"


def fail_at_first(page: Page, pattern: str, status: int | None, times: int = 1) -> None:
    """Let requests for a file fail so many times, with a status or without an answer."""

    def fail(route: Route) -> None:
        if status is None:
            route.abort("connectionreset")
        else:
            route.fulfill(status=status, body="")

    page.route(re.compile(pattern), fail, times=times)


@pytest.mark.parametrize(
    ("file", "status"), [("wire", 429), ("session", 503), ("chat", None), ("backoff", 404)]
)
def test_a_module_that_fails_shows_a_line_and_the_page_tries_again(
    open_chat: OpenChat, guard: Guard, file: str, status: int | None
) -> None:
    guard.allow("Failed to load resource")
    ann = open_chat(prepare=lambda page: fail_at_first(page, rf"/js/{file}\.js$", status))
    ann.expect_shown("loading", FAILED)
    expect(ann.page.locator("#loading")).to_have_count(0)  # after the reload
    ann.join("ann")


def test_a_style_sheet_that_fails_is_fetched_again_without_a_reload(
    open_chat: OpenChat, guard: Guard
) -> None:
    guard.allow("Failed to load resource")
    ann = open_chat(prepare=lambda page: fail_at_first(page, r"/css/base\.css$", 429, times=2))
    ann.page.evaluate("globalThis.isTheSame = true")
    ann.page.wait_for_function("""() =>
      [...document.styleSheets].some(({ href }) => href.endsWith("/base.css"))""")
    assert ann.page.evaluate("globalThis.isTheSame")
    ann.join("ann")


def test_while_the_server_is_away_the_page_waits_for_it(
    open_chat: OpenChat, guard: Guard, server: ChatServer
) -> None:
    guard.allow("Failed to load resource")

    def prepare(page: Page) -> None:
        fail_at_first(page, r"/js/wire\.js$", 503)
        page.route(
            lambda url: url.endswith(f":{server.port}/"),
            lambda route: (
                route.fulfill(status=502, body="")
                if route.request.method == "HEAD"
                else route.continue_()
            ),
            times=2,  # the page itself, and the first look whether it is there again
        )

    ann = open_chat(prepare=prepare)
    ann.expect_shown("loading", FAILED)
    expect(ann.page.locator("#loading")).to_have_count(0)
    ann.join("ann")


def test_a_line_appears_by_itself_if_nothing_runs(open_chat: OpenChat, guard: Guard) -> None:
    guard.allow("Failed to load resource")

    def prepare(page: Page) -> None:
        page.clock.install()
        for pattern in (r"/js/boot\.js$", r"/js/wire\.js$"):
            fail_at_first(page, pattern, 429)

    ann = open_chat(prepare=prepare)
    line = ann.page.locator("#loading")
    # The page may have taken longer to load than the line waits.
    line.evaluate("""line => {
      const [wait] = line.getAnimations();
      wait.pause();
      wait.currentTime = 0;
    }""")
    expect(line).to_be_hidden()
    line.evaluate("line => line.getAnimations()[0].finish()")
    expect(line).to_be_visible()


FROM_THE_SERVER = """() => performance.getEntriesByType("resource")
  .filter(({ transferSize }) => transferSize > 0).map(({ name }) => name)"""


def test_a_second_visit_asks_for_no_file_again(open_chat: OpenChat, server: ChatServer) -> None:
    ann = open_chat()
    expect(ann.page.locator("#loading")).to_have_count(0)
    first = ann.page.evaluate(FROM_THE_SERVER)
    assert len([name for name in first if "/static/" in name]) > 10
    again = ann.page.context.new_page()
    again.goto(server.url("/"))
    expect(again.locator("#loading")).to_have_count(0)
    assert [name for name in again.evaluate(FROM_THE_SERVER) if "/static/" in name] == []

"""The page loads although files fail, and requests almost nothing on a second visit."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat
from tests.e2e.server import serving_brotli, wait_for_brotli
from tests.support.server import ChatServer

FAILED = "Part of this page failed to load"


@pytest.fixture(autouse=True)
def _allow_failures(guard: Guard) -> None:
    guard.allow("Failed to load resource|a part of the page failed to load")


def fail_at_first(page: Page, pattern: str, status: int | None, times: int = 1) -> None:
    """Fail the first requests for a file, with a status, or without an answer for None."""

    def fail(route: Route) -> None:
        if status is None:
            route.abort("connectionreset")
        else:
            route.fulfill(status=status, body="")

    page.route(re.compile(pattern), fail, times=times)


@pytest.mark.parametrize("status", [429, None])
def test_after_a_failed_script_the_page_says_so_and_reloads(
    open_chat: OpenChat, status: int | None
) -> None:
    ann = open_chat(prepare=lambda page: fail_at_first(page, r"/page/start\.js$", status))
    ann.expect_shown("loading", FAILED)
    expect(ann.page.locator("#loading")).to_have_count(0)  # after the reload
    ann.join("ann")


def test_a_failed_style_sheet_is_loaded_again_without_a_reload(open_chat: OpenChat) -> None:
    ann = open_chat(prepare=lambda page: fail_at_first(page, r"/page/chat\.css$", 429, times=2))
    ann.page.evaluate("globalThis.isTheSame = true")
    ann.page.wait_for_function("""() =>
      [...document.styleSheets].some(({ href }) => href.endsWith("/chat.css"))""")
    assert ann.page.evaluate("globalThis.isTheSame")


def test_the_page_reloads_only_once_the_server_is_back(
    open_chat: OpenChat, server: ChatServer
) -> None:
    heads: list[Request] = []

    def fail(route: Route) -> None:
        if heads:
            route.continue_()
        else:
            route.fulfill(status=503, body="")

    def answer(route: Route) -> None:
        if route.request.method == "HEAD":
            heads.append(route.request)
        if len(heads) == 1 and route.request.method == "HEAD":
            route.fulfill(status=502, body="")
        else:
            route.continue_()

    def prepare(page: Page) -> None:
        page.route(re.compile(r"/page/chat\.js$"), fail)
        page.route(lambda url: url == server.page("/"), answer)

    ann = open_chat(prepare=prepare)
    ann.name_field.fill("half a na")
    expect(ann.page.locator("#loading")).to_have_count(0)
    assert len(heads) == 2
    expect(ann.name_field).to_have_value("half a na")


def test_a_text_appears_by_itself_if_no_script_runs(open_chat: OpenChat) -> None:
    def prepare(page: Page) -> None:
        page.clock.install()
        for pattern in (r"/page/boot\.js$", r"/page/start\.js$"):
            fail_at_first(page, pattern, 429)

    line = open_chat(prepare=prepare).page.locator("#loading")
    # The page may have loaded for longer than the line waits, so set the animation back.
    line.evaluate("""line => {
      const [wait] = line.getAnimations();
      wait.pause();
      wait.currentTime = 0;
    }""")
    expect(line).to_be_hidden()
    line.evaluate("line => line.getAnimations()[0].finish()")
    expect(line).to_be_visible()


@pytest.mark.parametrize("script", ["start", "chat"])
def test_a_name_submitted_before_all_scripts_run_joins_once_they_do(
    open_chat: OpenChat, script: str
) -> None:
    is_failing = True

    def answer(route: Route) -> None:
        if is_failing:
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    ann = open_chat(prepare=lambda page: page.route(re.compile(rf"/page/{script}\.js$"), answer))
    ann.name_field.fill("ann")
    ann.name_field.press("Enter")
    expect(ann.page.locator("#join-button")).to_have_text("Joining…")
    is_failing = False
    ann.expect_connected()
    expect(ann.own_name).to_have_text("ann")


def test_what_loads_at_the_first_act_may_fail_and_the_next_use_tries_again(
    open_chat: OpenChat,
) -> None:
    is_failing = True

    def answer(route: Route) -> None:
        if is_failing:
            route.fulfill(status=404, body="")
        else:
            route.continue_()

    extras = re.compile(r"/page/extras\.js")
    ann = open_chat(prepare=lambda page: page.route(extras, answer)).join("ann")
    ann.field.press_sequentially("so :ro")
    expect(ann.page.locator("#error-text")).to_contain_text("This part of the page did not load")
    is_failing = False
    ann.field.press_sequentially("ck")
    expect(ann.page.get_by_role("option", name=":rocket:")).to_be_visible()
    expect(ann.field).to_have_value("so :rock")
    ann.page.keyboard.press("Control+k")
    expect(ann.page.get_by_label("Name of the room to open")).to_be_focused()


FIRST_LOAD_BYTES = 50_000
"""Before a person acts in the chat, with brotli."""

LOADED = """() => performance.getEntries()
  .filter(({ entryType }) => ["navigation", "resource"].includes(entryType))
  .map(({ name, transferSize }) => [new URL(name).pathname, transferSize])"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with serving_brotli(tmp_path / "server.log") as started:
        yield started


def count_responses(server: ChatServer) -> float:
    with urlopen(server.page("/metrics")) as answer:
        text = answer.read().decode()
    return sum(
        map(float, re.findall(r"^trio_chat_http_responses_total\S* (\S+)$", text, re.MULTILINE))
    )


def test_the_first_visit_loads_little_and_the_second_almost_nothing(
    open_chat: OpenChat, server: ChatServer
) -> None:
    wait_for_brotli(server)
    before = count_responses(server)
    ann = open_chat(service_workers="allow").join("ann")
    ann.page.wait_for_load_state("networkidle")
    first = ann.page.evaluate(LOADED)
    assert sum(transferred for _, transferred in first) <= FIRST_LOAD_BYTES, first
    assert not any("extras" in path for path, _ in first)
    ann.page.evaluate("navigator.serviceWorker.ready")
    assert 6 <= count_responses(server) - before <= 12  # with those of the service worker
    again = ann.page.context.new_page()
    again.goto(server.page("/"))
    again.wait_for_load_state("networkidle")
    fetched = [path for path, transferred in again.evaluate(LOADED) if transferred > 0]
    assert {path for path in fetched if path.startswith("/static/")} == set()

"""The echo page."""

from playwright.sync_api import expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenEcho
from tests.e2e.server import ChatServer


def test_what_is_sent_comes_back_as_it_went(open_echo: OpenEcho) -> None:
    echo = open_echo()
    echo.expect_connected()
    echo.say("hello")
    expect(echo.store.locator(".server")).to_contain_text(["Server: hello"])
    expect(echo.store.locator(".you")).to_have_text(["You: hello"])
    text = '<img src=x onerror=alert(1)> {"type":"message"}'
    echo.say(text)
    expect(echo.lines).to_have_count(4)
    expect(echo.store.locator(".server .words").last).to_have_text(text)
    assert echo.store.locator("img").count() == 0


def test_an_empty_line_is_not_sent(open_echo: OpenEcho) -> None:
    echo = open_echo()
    echo.expect_connected()
    echo.say("")
    echo.say("full")
    expect(echo.store.locator(".server .words")).to_have_text(["full"])


def test_the_page_says_what_is_wrong_and_comes_back(
    open_echo: OpenEcho, server: ChatServer, guard: Guard
) -> None:
    guard.allow("WebSocket connection to .* failed")
    echo = open_echo()
    echo.expect_connected()
    server.end()
    expect(echo.bar).to_contain_text("Reconnecting in")
    expect(echo.field).to_be_disabled()
    expect(echo.send_button).to_be_disabled()
    expect(echo.store.locator(".problem").first).to_contain_text("Error:")
    problems = echo.store.locator(".problem")
    expect(problems.last).to_contain_text("No connection to the server")
    expect(echo.bar).to_contain_text("Reconnecting in")
    with echo.page.expect_websocket():
        echo.page.get_by_role("button", name="Try now").click()
    expect(echo.bar).to_contain_text("Reconnecting in")
    expect(problems).to_have_count(2)
    server.start()
    echo.expect_connected()
    assert echo.open_sockets == 1
    echo.say("again")
    expect(echo.store.locator(".server .words")).to_have_text(["again"])

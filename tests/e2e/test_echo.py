"""The echo page."""

from playwright.sync_api import expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenEcho
from tests.support.server import ChatServer

MARKUP = '<img src=x onerror=alert(1)> {"type":"message"}'


def test_the_server_sends_back_any_text(open_echo: OpenEcho) -> None:
    echo = open_echo()
    echo.expect_connected()
    echo.send("")
    echo.send("hello")
    expect(echo.log.locator(".server")).to_contain_text(["Server: hello"])
    expect(echo.log.locator(".you")).to_have_text(["You: hello"])
    echo.send(MARKUP)
    expect(echo.replies).to_have_text(["hello", MARKUP])
    assert echo.log.locator("img").count() == 0


def test_the_page_reports_a_lost_server_once_and_reconnects(
    open_echo: OpenEcho, server: ChatServer, guard: Guard
) -> None:
    guard.allow("WebSocket connection to .* failed")
    echo = open_echo()
    echo.expect_connected()
    server.end()
    expect(echo.bar).to_contain_text("Reconnecting in")
    expect(echo.field).to_be_disabled()
    expect(echo.send_button).to_be_disabled()
    problems = echo.log.locator(".problem")
    expect(problems.last).to_have_text("Error: No connection to the server.")
    with echo.page.expect_websocket():
        echo.page.get_by_role("button", name="Try now").click()
    expect(echo.bar).to_contain_text("Reconnecting in")
    expect(problems).to_have_count(2)  # the end of the server, and the first failed attempt
    server.start()
    echo.expect_connected()
    echo.expect_open_sockets(1)
    echo.send("again")
    expect(echo.replies).to_have_text(["again"])

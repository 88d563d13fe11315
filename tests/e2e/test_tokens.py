"""Joining by a link with a token."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat, OpenEcho
from tests.e2e.line import Line
from tests.support.server import ChatServer
from tests.support.tokens import SECRET, for_user

LOGIN_REQUIRED = "This chat requires a login"


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A server that requires tokens."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    return ("--auth", "token", "--token-secret-file", str(secret))


@pytest.fixture
def refused(guard: Guard) -> None:
    """Chromium writes a line for each refused handshake."""
    guard.allow(r"WebSocket connection to .* failed: HTTP Authentication failed")


def link(name: str = "ann", seconds: float = 3600, path: str = "/") -> str:
    return f"{path}#token={for_user(name, time.time() + seconds)}"


def test_a_link_signs_in_and_its_token_leaves_the_address(
    open_chat: OpenChat, server: ChatServer
) -> None:
    ann = open_chat(link("Ann Zoë"))
    ann.expect_connected()
    expect(ann.own_name).to_have_text(["Ann Zoë"])
    expect(ann.page).to_have_url(server.page("/#/room/general"))
    assert ann.page.evaluate("history.length") == 3  # an empty page, and two entries of the room
    assert [socket.url for socket in ann.sockets] == [server.url()]
    ann.send("in by a link")
    expect(ann.own).to_have_text(["in by a link"])


def test_the_login_belongs_to_the_tab(open_chat: OpenChat) -> None:
    ann = open_chat(link())
    ann.expect_connected()
    ann.page.reload()
    ann.expect_connected()
    other = ann.page.context.new_page()
    other.goto(ann.page.url)
    expect(other.get_by_label("Your name")).to_be_editable()
    ann.leave()
    expect(ann.name_field).to_have_value("ann")
    expect(ann.name_field).not_to_be_editable()
    expect(ann.page.get_by_text("Your login sets your name.")).to_be_visible()
    ann.page.get_by_role("button", name="Join").click()
    ann.expect_connected()


def test_a_new_link_in_the_tab_extends_the_login_or_changes_the_user(
    open_chat: OpenChat, server: ChatServer
) -> None:
    line = Line()
    ann = open_chat(link(), prepare=line.prepare)
    expect(ann.own_name).to_have_count(1)
    line.send(type="auth", expiresInMs=30_000)
    bar = ann.page.get_by_text("Your login expires soon")
    expect(bar).to_be_visible()
    follow = "link => { location.href = link; }"
    ann.page.evaluate(follow, link().replace("#", "#room=dev&"))
    expect(bar).to_be_hidden()
    expect(ann.room_name).to_have_text("dev")
    assert line.count == 1
    ann.page.evaluate(follow, link("bob"))
    expect(ann.own_name).to_have_text(["bob"])
    expect(ann.page).to_have_url(server.page("/#/room/dev"))


@pytest.mark.parametrize("settings", [()])
def test_a_server_without_tokens_ignores_a_link(open_chat: OpenChat, server: ChatServer) -> None:
    ann = open_chat(link("mallory"))
    ann.page.wait_for_load_state("networkidle")
    expect(ann.name_field).to_be_editable()
    expect(ann.name_field).to_have_value("")
    expect(ann.page).to_have_url(server.page("/"))
    assert ann.page.evaluate("sessionStorage.length") == 0
    assert ann.sockets == []
    ann.join("ann")
    ann.page.evaluate("link => { location.href = link; }", link("mallory"))
    ann.send("still ann")
    expect(ann.own).to_have_text(["still ann"])
    assert len(ann.sockets) == 1
    ann.page.reload()
    ann.expect_connected()
    expect(ann.own_name).to_have_text(["ann"])


def test_without_an_answer_of_the_server_the_person_decides(
    open_chat: OpenChat, guard: Guard
) -> None:
    guard.allow("Failed to load resource")
    ann = open_chat(
        link(), prepare=lambda page: page.route("**/readyz", lambda route: route.abort())
    )
    expect(ann.page.get_by_text("Your login sets your name.")).to_be_visible()
    assert ann.sockets == []
    ann.page.get_by_role("button", name="Join").click()
    ann.expect_connected()
    expect(ann.own_name).to_have_text(["ann"])


@pytest.mark.usefixtures("refused")
def test_without_a_valid_token_the_form_says_that_a_login_is_required(open_chat: OpenChat) -> None:
    ann = open_chat()
    expect(ann.page.locator("#join-hint")).to_contain_text(LOGIN_REQUIRED)
    ann.enter_name("ann")
    expect(ann.join_error).to_contain_text(LOGIN_REQUIRED)
    expect(ann.name_field).to_be_focused()
    expect(ann.bar).to_be_hidden()
    assert len(ann.sockets) == 1
    expired = open_chat(link(seconds=-5))
    expect(expired.join_error).to_contain_text(LOGIN_REQUIRED)
    expect(expired.bar).to_be_hidden()


def test_an_invalid_link_is_reported(open_chat: OpenChat, server: ChatServer) -> None:
    ann = open_chat("/#token=<img src=x>")
    expect(ann.join_error).to_contain_text("login link is invalid")
    expect(ann.name_field).to_be_editable()
    assert ann.sockets == []
    expect(ann.page).to_have_url(server.page("/"))


def test_an_expiring_token_ends_the_session(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(link(), prepare=line.prepare)
    ann.expect_connected()
    line.cut(4010)
    expect(ann.join_error).to_contain_text("Your login has expired")
    expect(ann.name_field).to_be_editable()
    expect(ann.page.get_by_text("Your login sets")).to_have_count(0)
    ann.page.reload()
    expect(ann.name_field).to_be_editable()
    expect(ann.join_error).to_be_empty()
    assert line.count == 1


@pytest.mark.usefixtures("refused")
def test_the_echo_page_takes_the_login_of_a_link(open_echo: OpenEcho, server: ChatServer) -> None:
    echo = open_echo(link(path="/echo"))
    echo.expect_connected()
    expect(echo.page).to_have_url(server.page("/echo"))
    echo.page.get_by_role("link", name="To the chat").click()
    expect(echo.page.locator("#people-list .self")).to_have_count(1)
    refused = open_echo()
    expect(refused.bar).to_contain_text(LOGIN_REQUIRED)
    expect(refused.state).to_have_text("Refused")
    expect(refused.log).to_contain_text(LOGIN_REQUIRED)

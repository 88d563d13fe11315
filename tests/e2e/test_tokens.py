"""Coming in by a link with a token."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import Lose, OpenChat, OpenEcho
from tests.e2e.line import Line
from tests.e2e.server import ChatServer
from tests.e2e.windows import ChatWindow, EchoWindow, Window
from tests.tokens import SECRET, for_user

OpenWindow = Callable[..., Window]


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A server that asks for tokens."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    return ("--auth", "token", "--token-secret-file", str(secret))


def token(name: str = "ann", seconds: float = 3600) -> str:
    return for_user(name, time.time() + seconds)


@pytest.fixture
def come_by_link(open_window: OpenWindow) -> Callable[..., ChatWindow]:
    """Open chat pages by a link with this token."""

    def come(text: str, **options: object) -> ChatWindow:
        window = open_window(ChatWindow, f"/#token={text}", **options)
        assert isinstance(window, ChatWindow)
        return window

    return come


@pytest.fixture
def refused(guard: Guard) -> None:
    """Handshakes are refused: Chromium itself writes a line for each; it cannot be silenced."""
    guard.allow(r"WebSocket connection to .* failed: HTTP Authentication failed")


Come = Callable[..., ChatWindow]


# --- coming in -----------------------------------------------------------------------------------


def test_a_link_leads_in_under_its_name_and_the_address_forgets_it(
    come_by_link: Come, server: ChatServer
) -> None:
    ann = come_by_link(token("Ann Zoë"))
    ann.expect_connected()
    expect(ann.marked).to_have_text(["Ann Zoë"])
    expect(ann.page).to_have_url(server.url("/"))
    assert ann.page.evaluate("history.length") == 2  # the empty page that every window begins with
    assert [socket.url for socket in ann.sockets] == [server.socket_url]
    ann.say("in by a link")
    expect(ann.own).to_have_text(["in by a link"])


def test_the_rest_of_the_address_stays(open_window: OpenWindow, server: ChatServer) -> None:
    ann = open_window(ChatWindow, f"/?from=mail#x=y&token={token()}")
    ann.expect_connected()
    expect(ann.page).to_have_url(server.url("/?from=mail"))


def test_a_reload_of_the_tab_comes_in_again_and_another_window_does_not(
    come_by_link: Come, open_chat: OpenChat
) -> None:
    ann = come_by_link(token())
    ann.expect_connected()
    ann.page.reload()
    ann.expect_connected()
    expect(ann.marked).to_have_text(["ann"])
    other = ann.page.context.new_page()
    other.goto(ann.page.url)
    expect(other.get_by_label("Your name")).to_be_editable()
    expect(open_chat().name_field).to_be_editable()


def test_who_has_left_may_come_in_again_under_the_same_name_only(come_by_link: Come) -> None:
    ann = come_by_link(token())
    ann.expect_connected()
    ann.leave()
    expect(ann.name_field).to_have_value("ann")
    expect(ann.name_field).not_to_be_editable()
    expect(ann.page.get_by_text("Your login sets your name.")).to_be_visible()
    ann.page.get_by_role("button", name="Join").click()
    ann.expect_connected()


def test_a_fresh_link_in_the_same_tab_comes_in_anew(come_by_link: Come, server: ChatServer) -> None:
    ann = come_by_link(token())
    ann.expect_connected()
    ann.page.evaluate("link => { location.href = link; }", f"/#token={token('bob')}")
    expect(ann.marked).to_have_text(["bob"])
    expect(ann.page).to_have_url(server.url("/"))


def test_a_fresh_link_for_the_same_person_goes_on_without_a_gap(come_by_link: Come) -> None:
    line = Line()
    ann = come_by_link(token(), prepare=line.prepare)
    expect(ann.marked).to_have_count(1)
    line.tell(type="auth", expiresInMs=30_000)
    bar = ann.page.get_by_text("Your login expires soon")
    expect(bar).to_be_visible()
    ann.page.evaluate("link => { location.href = link; }", f"/#room=dev&token={token()}")
    expect(bar).to_be_hidden()
    expect(ann.title_room).to_have_text("dev")
    ann.expect_connected()
    assert line.count == 1
    ann.page.reload()
    ann.expect_connected()


def test_a_window_comes_back_after_a_restart(
    come_by_link: Come, server: ChatServer, lose: Lose, guard: Guard
) -> None:
    guard.allow("Failed to load resource: net::ERR_CONNECTION_REFUSED")
    ann = come_by_link(token())
    ann.expect_connected()
    lose(server, ann)
    server.start()
    ann.expect_connected()
    expect(ann.people).to_have_text(["ann"])


@pytest.mark.parametrize("settings", [()])
def test_where_no_tokens_are_asked_for_a_link_brings_nobody_in_and_is_forgotten(
    come_by_link: Come, settings: tuple[str, ...], server: ChatServer
) -> None:
    assert settings == ()
    ann = come_by_link(token("mallory"))
    expect(ann.page.locator("#loading")).to_have_count(0)
    ann.page.wait_for_load_state("networkidle")
    expect(ann.name_field).to_be_editable()
    expect(ann.name_field).to_have_value("")
    expect(ann.page).to_have_url(server.url("/"))
    assert ann.page.evaluate("sessionStorage.length") == 0
    assert ann.sockets == []
    ann.join("ann")
    ann.page.evaluate("link => { location.href = link; }", f"/#token={token('mallory')}")
    ann.say("still ann")
    expect(ann.own).to_have_text(["still ann"])
    assert len(ann.sockets) == 1
    ann.page.reload()
    ann.expect_connected()
    expect(ann.marked).to_have_text(["ann"])


def test_where_the_server_does_not_answer_the_person_decides(
    come_by_link: Come, guard: Guard
) -> None:
    guard.allow("Failed to load resource")
    ann = come_by_link(
        token(), prepare=lambda page: page.route("**/readyz", lambda route: route.abort())
    )
    expect(ann.page.get_by_text("Your login sets your name.")).to_be_visible()
    assert ann.sockets == []
    ann.page.get_by_role("button", name="Join").click()
    ann.expect_connected()
    expect(ann.marked).to_have_text(["ann"])


# --- not coming in -------------------------------------------------------------------------------

LOGIN_NEEDED = "This chat requires a login"


def hold_clock(page: Page) -> None:
    page.clock.install()


@pytest.mark.usefixtures("refused")
def test_who_has_no_token_is_told_so_and_not_kept_waiting(open_chat: OpenChat) -> None:
    ann = open_chat(prepare=hold_clock)
    ann.give_name("ann")
    expect(ann.refusal).to_contain_text(LOGIN_NEEDED)
    expect(ann.name_field).to_be_focused()
    expect(ann.bar).to_be_hidden()
    ann.page.clock.run_for(120_000)
    assert len(ann.sockets) == 1


def test_the_form_says_that_a_login_is_needed_before_anybody_tries(open_chat: OpenChat) -> None:
    ann = open_chat()
    expect(ann.page.locator("#join-hint")).to_contain_text(LOGIN_NEEDED)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("text", [token(seconds=-5), token() + "x", token("bell\x07")])
def test_whose_token_is_no_good_is_told_so_and_not_kept_waiting(
    come_by_link: Come, text: str
) -> None:
    ann = come_by_link(text)
    expect(ann.refusal).to_contain_text(LOGIN_NEEDED)
    expect(ann.bar).to_be_hidden()
    ann.page.clock.install()
    ann.page.clock.run_for(120_000)
    assert len(ann.sockets) <= 2


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a%20b", "<img src=x>"])
def test_a_link_that_cannot_be_read_is_said_to_be_so(
    come_by_link: Come, server: ChatServer, text: str
) -> None:
    ann = come_by_link(text)
    expect(ann.refusal).to_contain_text("is invalid")
    expect(ann.name_field).to_be_editable()
    assert ann.sockets == []
    expect(ann.page).to_have_url(server.url("/"))


def test_when_the_token_ends_the_window_says_so_and_does_not_come_back(
    come_by_link: Come,
) -> None:
    line = Line()
    ann = come_by_link(token(), prepare=line.prepare)
    ann.expect_connected()
    line.cut(4010)
    expect(ann.refusal).to_contain_text("Your login has expired")
    expect(ann.name_field).to_be_editable()
    expect(ann.page.get_by_text("Your login sets")).to_have_count(0)
    ann.page.clock.install()
    ann.page.clock.run_for(120_000)
    assert line.count == 1
    ann.page.reload()
    expect(ann.name_field).to_be_editable()
    expect(ann.refusal).to_be_empty()


@pytest.mark.parametrize("settings", [("--max-connections", "1")])
def test_a_full_server_that_asks_for_no_token_is_tried_again(
    open_chat: OpenChat, guard: Guard, settings: tuple[str, ...]
) -> None:
    assert settings
    guard.allow(r"WebSocket connection to .* failed: .*503")
    ann = open_chat().join("ann")
    bob = open_chat()
    bob.give_name("bob")
    expect(bob.bar).to_contain_text("Reconnecting in")
    with bob.page.expect_websocket():
        pass
    ann.leave()
    bob.expect_connected()


# --- the echo page -------------------------------------------------------------------------------


def test_the_echo_page_takes_a_link_and_the_tab_s_login(
    open_window: OpenWindow, server: ChatServer
) -> None:
    echo = open_window(EchoWindow, f"/echo#token={token()}")
    echo.expect_connected()
    expect(echo.page).to_have_url(server.url("/echo"))
    echo.say("hello")
    expect(echo.store.locator(".server")).to_contain_text(["Server: hello"])
    echo.page.get_by_role("link", name="To the chat").click()
    expect(echo.page.locator("#people-list .self")).to_have_count(1)


@pytest.mark.usefixtures("refused")
def test_the_echo_page_says_that_it_needs_a_login(open_echo: OpenEcho) -> None:
    echo = open_echo()
    expect(echo.bar).to_contain_text(LOGIN_NEEDED)
    expect(echo.state).to_have_text("Refused")
    expect(echo.store).to_contain_text(LOGIN_NEEDED)

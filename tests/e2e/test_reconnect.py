"""Joining, leaving, and coming back after the connection is lost."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat, hold_clock
from tests.e2e.line import Line
from tests.support.server import ChatServer


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A store that outlives the server."""
    return ("--store", f"sqlite:{tmp_path / 'chat.db'}")


def test_windows_lose_and_repeat_nothing_over_a_killed_server(
    open_chat: OpenChat, server: ChatServer, guard: Guard
) -> None:
    # Chromium writes a line for each failed attempt.
    guard.allow("WebSocket connection to .* failed")
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.send("one")
    expect(bob.others).to_have_text(["one"])
    bob.send("two")
    expect(ann.others).to_have_text(["two"])
    server.kill()
    expect(ann.bar).to_contain_text("Reconnecting in")
    expect(ann.state).to_have_text("Not connected")
    ann.expect_open_sockets(0)
    ann.send("three, written offline")
    ann.send("four")
    expect(ann.own).to_have_text(["one", "three, written offline", "four"])
    server.start()
    # "Try now", which is hidden already if the page was faster.
    ann.page.locator("#retry").dispatch_event("click")
    ann.expect_connected()
    expect(ann.bar).to_be_hidden()
    expect(bob.texts).to_have_text(["one", "two", "three, written offline", "four"])
    bob.send("five")
    for window in (ann, bob):
        expect(window.texts).to_have_text(["one", "two", "three, written offline", "four", "five"])
        window.expect_open_sockets(1)
    expect(ann.unsettled).to_have_count(0)
    expect(ann.people).to_have_text(["ann", "bob"])


def test_a_reconnected_window_repeats_nothing(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    bob.send("one")
    expect(ann.others).to_have_text(["one"])
    line.cut(4002)
    bob.send("two")
    ann.wait_for(lambda: line.count == 2, "second socket")
    ann.expect_connected()
    bob.send("three")
    expect(ann.others).to_have_text(["one", "two", "three"])
    expect(ann.notices.filter(has_text="ann")).to_have_count(1)
    assert line.count == 2


def test_a_dead_line_is_replaced_after_waking(open_chat: OpenChat) -> None:
    line = Line()

    def prepare(page: Page) -> None:
        line.prepare(page)
        hold_clock(page)

    ann, bob = open_chat(prepare=prepare).join("ann"), open_chat().join("bob")
    ann.page.clock.run_for(1_000)  # the welcome no longer proves that the line is good
    line.to_server = line.to_page = lambda _message: False
    bob.send("missed")
    expect(bob.own).to_have_text(["missed"])
    ann.page.evaluate("dispatchEvent(new Event('focus'))")
    ann.page.clock.run_for(4_000)
    line.restore()
    ann.page.clock.run_for(2_000)
    expect(ann.others).to_have_text(["missed"])


def test_a_lost_network_shows_at_once(open_chat: OpenChat, guard: Guard) -> None:
    guard.allow("WebSocket connection to .* failed")
    ann = open_chat(prepare=hold_clock).join("ann")
    ann.page.clock.pause_at(time.time() + 3600)
    ann.page.context.set_offline(True)
    expect(ann.bar).to_contain_text("This device is offline.")
    ann.page.context.set_offline(False)
    ann.page.clock.resume()
    ann.expect_connected()


def test_two_names_while_the_server_is_away_make_one_session(
    open_chat: OpenChat, server: ChatServer, guard: Guard
) -> None:
    guard.allow("WebSocket connection to .* failed|Failed to load resource")
    ann = open_chat()
    server.kill()
    for name in ("ann", "ann", "bob"):
        ann.enter_name(name)
        expect(ann.bar).to_contain_text("Reconnecting in")
    server.start()
    ann.page.locator("#retry").dispatch_event("click")
    ann.expect_connected()
    expect(ann.people).to_have_text(["bob"])
    ann.leave()
    ann.expect_open_sockets(0)
    expect(ann.name_field).to_be_focused()


@pytest.mark.parametrize("name", ["bell\x07", "{x"])
def test_a_rejected_name_leads_back_to_the_form(open_chat: OpenChat, name: str) -> None:
    ann = open_chat()
    ann.enter_name(name)
    expect(ann.join_error).to_contain_text("name")
    expect(ann.name_field).to_be_focused()
    expect(ann.field).to_be_hidden()
    expect(ann.bar).to_be_hidden()
    ann.expect_open_sockets(0)
    ann.join("ann")
    ann.leave()
    expect(ann.name_field).to_be_focused()
    expect(ann.join_error).to_be_empty()


def test_a_refused_window_returns_to_the_form_with_the_reason(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    line.cut(4500)
    expect(ann.join_error).to_have_text("The server refused your login")
    expect(ann.name_field).to_be_focused()
    expect(ann.name_field).to_have_value("ann")
    expect(ann.bar).to_be_hidden()


def test_leaving_ends_the_session_and_its_view(open_chat: OpenChat) -> None:
    ann = open_chat(prepare=hold_clock).join("ann")
    ann.send("here")
    expect(ann.own).to_have_text(["here"])
    ann.leave()
    ann.expect_open_sockets(0)
    ann.page.clock.run_for(60_000)
    ann.page.reload()
    ann.join("bob")
    expect(ann.others).to_have_text(["here"])
    expect(ann.own_name).to_have_text(["bob"])
    assert len(ann.sockets) == 2


def test_the_state_opens_the_details_of_the_connection(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    pill = ann.page.get_by_role("button", name="Connected")
    pill.focus()
    pill.press("Enter")
    details = ann.page.get_by_role("dialog", name="Connection")
    expect(details).to_contain_text(re.compile(r"Round trip\d+ ms.*0 requests"))
    ann.page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(pill).to_be_focused()

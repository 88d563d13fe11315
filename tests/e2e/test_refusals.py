"""Not being let in."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line


@pytest.mark.parametrize("name", ["bell\x07", "x" * 33, "{x", "\u0301", ""])
def test_a_bad_name_leads_back_to_the_form_with_the_reason(open_chat: OpenChat, name: str) -> None:
    ann = open_chat()
    ann.give_name(name)
    expect(ann.refusal).to_contain_text("name")
    expect(ann.name_field).to_be_focused()
    expect(ann.field).to_be_hidden()
    expect(ann.bar).to_be_hidden()
    ann.expect_open_sockets(0)
    assert len(ann.sockets) <= 1


def test_after_a_refusal_a_good_name_is_let_in(open_chat: OpenChat) -> None:
    ann = open_chat()
    ann.give_name("bell\x07")
    expect(ann.refusal).to_contain_text("name")
    ann.join("ann")
    expect(ann.people).to_have_text(["ann"])
    ann.leave()
    expect(ann.name_field).to_be_focused()
    expect(ann.refusal).to_be_empty()


def test_a_window_that_is_put_out_says_why_and_does_not_come_back(open_chat: OpenChat) -> None:
    line = Line()

    def prepare(page: Page) -> None:
        page.clock.install()
        line.prepare(page)

    ann = open_chat(prepare=prepare).join("ann")
    line.cut(4500)
    expect(ann.refusal).not_to_be_empty()
    expect(ann.name_field).to_be_focused()
    expect(ann.name_field).to_have_value("ann")
    ann.page.clock.run_for(60_000)
    assert line.count == 1


def test_who_has_left_does_not_come_back(open_chat: OpenChat) -> None:
    ann = open_chat(prepare=lambda page: page.clock.install()).join("ann")
    ann.leave()
    ann.expect_open_sockets(0)
    ann.page.clock.run_for(60_000)
    ann.join("bob")
    expect(ann.people).to_have_text(["bob"])
    assert len(ann.sockets) == 2


def test_leaving_forgets_the_room_and_coming_back_shows_it_once(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.say("here")
    expect(ann.own).to_have_count(1)
    ann.leave()
    expect(ann.name_field).to_be_visible()
    ann.expect_open_sockets(0)
    ann.join("bob")
    expect(ann.others).to_have_text(["here"])
    expect(ann.marked).to_have_text(["bob"])
    ann.expect_open_sockets(1)

"""What a window shows that was away for a while."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Frame, Line


def test_after_a_passing_trouble_the_window_comes_back_and_shows_nothing_twice(
    open_chat: OpenChat,
) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    bob.say("one")
    expect(ann.others).to_have_text(["one"])
    line.cut(4002)
    bob.say("two")
    line.expect_count(2)
    ann.expect_connected()
    bob.say("three")
    expect(ann.others).to_have_text(["one", "two", "three"])
    expect(ann.notices.filter(has_text="ann has")).to_have_count(1)
    assert line.count == 2


def test_a_reader_who_looks_back_stays_there_when_the_window_comes_back(
    open_chat: OpenChat,
) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare, viewport={"width": 900, "height": 420}).join("ann")
    for number in range(12):
        ann.say(f"line {number}")
    expect(ann.store.locator(".own[data-state=sent]")).to_have_count(12)
    ann.look_back()
    line.cut(4002)
    line.expect_count(2)
    ann.expect_connected()
    assert ann.scroller.evaluate("box => box.scrollTop") == 0


def test_typing_that_went_on_over_the_loss_is_told_anew(open_chat: OpenChat) -> None:
    line, told = Line(), []

    def note(frame: Frame) -> bool:
        told.append((line.count, frame["type"]))
        return True

    line.lets_out = note

    def prepare(page: Page) -> None:
        page.clock.install()
        line.prepare(page)

    ann = open_chat(prepare=prepare).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    line.cut(4002)
    ann.page.clock.fast_forward(1_000)
    line.expect_heard("joined", 2)
    ann.field.press("m")
    ann.say("hm")
    expect(ann.own).to_have_text(["hm"])
    assert [count for count, kind in told if kind == "typing"][:2] == [1, 2]


@pytest.mark.parametrize("words", ["", "half a thought"])
def test_a_reload_comes_back_to_the_room_and_what_is_begun_in_it(
    open_chat: OpenChat, words: str
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.open_room("dev")
    ann.say("before")
    expect(ann.message("before")).to_have_attribute("data-state", "sent")
    bob.say("elsewhere")
    ann.field.fill(words)
    ann.page.reload()
    ann.expect_connected()
    expect(ann.title_room).to_have_text("dev")
    expect(ann.own).to_have_text(["before"])
    expect(ann.unread("general")).to_have_text("1")
    expect(ann.field).to_have_value(words)
    expect(bob.notices.filter(has_text="ann has")).to_have_count(1)

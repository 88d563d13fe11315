"""What a window shows that was away for a while."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lose, OpenChat
from tests.e2e.line import Line
from tests.e2e.server import ChatServer


def test_what_is_being_written_outlives_the_loss(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    ann = open_chat().join("ann")
    ann.field.fill("half a thought")
    lose(server, ann)
    expect(ann.send_button).to_be_disabled()
    ann.field.press("Enter")
    ann.field.press_sequentially(", whole")
    server.start()
    ann.expect_connected()
    expect(ann.field).to_have_value("half a thought, whole")
    ann.field.press("Enter")
    expect(ann.own).to_have_text(["half a thought, whole"])


def test_nobody_stays_typing_after_the_loss(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    bob.field.press("h")
    expect(ann.typing).to_have_text("bob is typing…")
    lose(server, ann)
    expect(ann.typing).to_be_empty()


@pytest.mark.parametrize("code", [1001, 1012, 1013, 4002, 4003, 4005, 4505])
def test_after_a_passing_trouble_the_window_comes_back_and_shows_nothing_twice(
    open_chat: OpenChat, code: int
) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    bob.say("one")
    expect(ann.others).to_have_text(["one"])
    line.cut(code)
    expect(ann.state).not_to_have_text("Connected")
    bob.say("two")
    ann.expect_connected()
    bob.say("three")
    expect(ann.others).to_have_text(["one", "two", "three"])
    expect(ann.ends_of_history).to_have_count(1)
    assert line.count == 2


def test_a_reader_who_looks_back_stays_there_when_the_window_comes_back(
    open_chat: OpenChat,
) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare, viewport={"width": 900, "height": 420}).join("ann")
    for number in range(12):
        ann.say(f"line {number}")
    expect(ann.own).to_have_count(12)
    scroller = ann.page.get_by_label("Messages", exact=True)
    scroller.evaluate("box => { box.scrollTop = 0 }")
    scroller.evaluate("() => new Promise(requestAnimationFrame)")
    line.cut(4002)
    expect(ann.ends_of_history).to_have_count(1)
    ann.expect_connected()
    assert scroller.evaluate("box => box.scrollTop") == 0


@pytest.mark.parametrize("settings", [("--history-size", "3")])
def test_what_is_older_than_the_history_stays_where_the_two_meet(open_chat: OpenChat) -> None:
    line, bob = Line(), open_chat().join("bob")
    bob.say("zero")
    ann = open_chat(prepare=line.prepare).join("ann")
    expect(ann.ends_of_history).to_have_count(1)
    for number in ("one", "two", "three", "four"):
        bob.say(number)
    expect(ann.others.last).to_have_text("four")
    line.cut(4002)
    # Of its own leaving a window learns only after it has come back.
    expect(ann.notices.filter(has_text="ann has left")).to_have_count(1)
    expect(ann.others).to_have_text(["zero", "one", "two", "three", "four"])
    expect(ann.ends_of_history).to_have_count(1)
    expect(ann.log.locator(".history-end ~ .message")).to_have_count(0)


@pytest.mark.parametrize("settings", [("--history-size", "3")])
def test_where_the_history_does_not_meet_what_is_shown_only_the_history_is(
    open_chat: OpenChat,
) -> None:
    line, bob = Line(), open_chat().join("bob")

    def prepare(page: Page) -> None:
        page.clock.install()
        line.prepare(page)

    ann = open_chat(prepare=prepare).join("ann")
    bob.say("before")
    expect(ann.others).to_have_text(["before"])
    ann.page.clock.pause_at("2100-01-01")
    line.cut(4002)
    expect(bob.notices.last).to_contain_text("ann has left")
    for number in ("one", "two", "three", "four"):
        bob.say(number)
    expect(bob.own).to_have_count(5)
    ann.page.clock.fast_forward(1_000)
    expect(ann.others).to_have_text(["two", "three", "four"])


def test_typing_that_went_on_over_the_loss_is_told_anew(open_chat: OpenChat) -> None:
    line, bob = Line(), open_chat().join("bob")

    def prepare(page: Page) -> None:
        page.clock.install()
        line.prepare(page)

    ann = open_chat(prepare=prepare).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    expect(bob.typing).to_have_text("ann is typing…")
    line.cut(4002)
    expect(bob.typing).to_be_empty()
    ann.page.clock.fast_forward(1_000)
    ann.expect_connected()
    ann.field.press("m")
    expect(bob.typing).to_have_text("ann is typing…")

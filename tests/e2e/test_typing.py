"""Who is typing."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.windows import ChatWindow


def _states_told_by(window: ChatWindow) -> list[bool]:
    return [frame["isTyping"] for frame in window.sent("typing")]


def test_the_others_see_who_is_typing_until_nothing_more_comes(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.field.press_sequentially("hm")
    bob.expect_shown("typing", "ann is typing…")
    expect(bob.typing).to_be_empty()
    assert _states_told_by(ann) == [True, False]


def test_nobody_is_told_of_their_own_typing(open_chat: OpenChat) -> None:
    ann, bob = open_chat(prepare=lambda page: page.clock.install()), open_chat().join("bob")
    ann.join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    bob.expect_shown("typing", "ann is typing…")
    # The server sends it to the typist too, before what bob says now. No waiting for an empty
    # line here: it would become empty by itself when the typing ends.
    bob.say("go on")
    expect(ann.others).to_have_count(1)
    assert ann.typing.inner_text() == ""


def test_sending_ends_the_typing(open_chat: OpenChat) -> None:
    ann, bob = open_chat(prepare=lambda page: page.clock.install()), open_chat().join("bob")
    ann.join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    bob.expect_shown("typing", "ann is typing…")
    ann.field.press("Enter")
    expect(bob.others).to_have_text(["h"])
    expect(bob.typing).to_be_empty()
    assert _states_told_by(ann) == [True, False]


def test_leaving_the_field_ends_the_typing(open_chat: OpenChat) -> None:
    ann, bob = open_chat(prepare=lambda page: page.clock.install()), open_chat().join("bob")
    ann.join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    bob.expect_shown("typing", "ann is typing…")
    ann.field.blur()
    expect(bob.typing).to_be_empty()
    assert _states_told_by(ann) == [True, False]


def test_typing_on_is_told_every_three_seconds_at_most(open_chat: OpenChat) -> None:
    ann = open_chat(prepare=lambda page: page.clock.install()).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    for _ in range(8):
        ann.field.press("h")
        ann.page.clock.run_for(1_000)
    assert _states_told_by(ann) == [True, True, True]
    ann.page.clock.run_for(1_000)
    assert _states_told_by(ann) == [True, True, True, False]

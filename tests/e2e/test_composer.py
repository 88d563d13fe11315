"""Writing a message."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat


def test_shift_and_enter_make_a_new_line_and_enter_sends(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.page.keyboard.type("one")
    ann.page.keyboard.press("Shift+Enter")
    ann.page.keyboard.type("two")
    ann.page.keyboard.press("Enter")
    expect(ann.own).to_have_count(1)
    assert ann.own.inner_text() == "one\ntwo"
    expect(ann.field).to_have_value("")
    expect(ann.field).to_be_focused()


def test_enter_does_not_send_while_an_input_method_composes(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.field.fill("にほん")
    ann.field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(ann.field).to_have_value("にほん")
    ann.field.press("Enter")
    expect(ann.own).to_have_text(["にほん"])


def test_nothing_but_blanks_is_not_sent(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    for blanks in ("", "   ", "\n \n"):
        ann.say(blanks)
        expect(ann.send_button).to_be_disabled()
    ann.say("something")
    expect(ann.own).to_have_text(["something"])


def test_a_message_of_4096_characters_is_sent_whole(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    # Outside the basic plane: two units each in JavaScript, one character each on the wire.
    text = "𝄞" * 4096
    ann.field.fill(text)
    expect(ann.page.locator("#counter")).to_have_text("0 left")
    ann.field.press("Enter")
    expect(ann.own).to_have_text([text])


def test_a_longer_message_is_not_sent_and_the_counter_says_by_how_much(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    counter = ann.page.locator("#counter")
    expect(counter).to_be_hidden()
    ann.say("x" * 4099)
    expect(counter).to_have_text("3 too many")
    expect(ann.send_button).to_be_disabled()
    expect(ann.field).to_have_value("x" * 4099)
    ann.say("short")
    expect(ann.own).to_have_text(["short"])
    expect(counter).to_be_hidden()

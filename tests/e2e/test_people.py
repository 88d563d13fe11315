"""The list of people, and the line about typing."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat, hold_clock
from tests.e2e.line import Line
from tests.e2e.windows import ChatWindow


def test_two_windows_of_one_user_are_one_person(open_chat: OpenChat) -> None:
    first = open_chat().join("Ann")
    second = open_chat().join(" aNN ")
    expect(second.own_name).to_have_text(["Ann"])
    expect(first.people).to_have_text(["Ann"])
    first.send("from the first")
    expect(second.own).to_have_text(["from the first"])
    second.send("from the second")
    expect(first.own).to_have_text(["from the first", "from the second"])


def typing_sent_by(window: ChatWindow) -> list[bool]:
    return [message["isTyping"] for message in window.sent("typing")]


def test_others_see_who_is_typing_until_the_text_is_sent_or_the_field_left(
    open_chat: OpenChat,
) -> None:
    ann, bob = open_chat(prepare=hold_clock), open_chat().join("bob")
    ann.join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.field.press("h")
    bob.expect_shown("typing", "ann is typing…")
    ann.field.press("Enter")
    expect(bob.others).to_have_text(["h"])
    expect(bob.typing).to_be_empty()
    ann.field.press("m")
    expect(bob.typing).to_contain_text(" is typing…")
    ann.field.blur()
    expect(bob.typing).to_be_empty()
    assert typing_sent_by(ann) == [True, False, True, False]
    # The server sends the typing to its author too, before this message.
    bob.send("go on")
    ann.wait_for(lambda: "go on" in draw(ann), "message")
    expect(ann.others).to_have_text(["go on"])
    assert ann.typing.inner_text() == ""


def draw(window: ChatWindow) -> str:
    """Let the stopped clock of a page draw a frame, and return the log."""
    window.page.clock.run_for(50)
    return window.log.inner_text()


def test_typing_is_sent_again_after_a_reconnection(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    ann.field.press_sequentially("h")
    bob.expect_shown("typing", "ann is typing…")
    bob.field.press_sequentially("m")
    line.to_page = lambda message: message.get("isTyping") is not False
    expect(ann.typing).to_contain_text(" is typing…")
    line.cut(4002)
    expect(ann.typing).to_be_empty()  # although nothing says that bob has stopped
    ann.wait_for(lambda: line.count == 2, "second socket")
    ann.expect_connected()
    ann.send("back in the room")
    expect(ann.message("back in the room")).to_have_attribute("data-state", "seen")
    before = len(ann.sent("typing"))
    ann.field.press("x")
    ann.wait_for(lambda: len(ann.sent("typing")) > before, "typing")

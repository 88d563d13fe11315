"""The help of the composer: completion, and keys that work anywhere."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat


def test_names_and_emoji_are_completed_by_the_keyboard(open_chat: OpenChat) -> None:
    open_chat().join("Ann Lee")
    bob = open_chat().join("bob")
    expect(bob.people).to_have_count(2)
    offers = bob.page.get_by_role("option")
    bob.field.press_sequentially("hi @LE")
    expect(offers).to_have_text(["Ann Lee"])
    expect(bob.field).to_have_attribute("aria-activedescendant", "offer-0")
    bob.field.press("Tab")
    expect(bob.field).to_have_value("hi @Ann Lee ")
    expect(offers).to_have_count(0)
    bob.page.keyboard.type(":roc")
    bob.field.press("Enter")
    bob.page.keyboard.type(":tad")
    expect(offers).to_have_count(1)
    bob.field.press("Escape")
    expect(offers).to_have_count(0)
    bob.page.keyboard.type("a:")
    bob.field.press("Enter")
    expect(bob.own).to_have_text(["hi @Ann Lee 🚀 🎉"])


def test_keys_pressed_anywhere_show_the_shortcuts_or_write(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.scroller.focus()
    ann.page.keyboard.press("?")
    shortcuts = ann.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    ann.page.keyboard.type("x")
    ann.page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()
    expect(ann.scroller).to_be_focused()
    ann.page.keyboard.type("words")
    ann.page.keyboard.press("Shift+Home")
    ann.page.keyboard.press("Control+b")
    expect(ann.field).to_have_value("**words**")

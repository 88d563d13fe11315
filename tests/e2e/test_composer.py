"""The help of the composer, and what happens to the focus and to half-made edits."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.windows import ChatWindow


def test_names_and_emoji_are_completed_by_the_keyboard(open_chat: OpenChat) -> None:
    open_chat().join("Ann Lee")
    bob = open_chat().join("bob")
    expect(bob.people).to_have_count(2)
    offers = bob.page.get_by_role("option")
    bob.field.press_sequentially("hi @LE")
    expect(offers).to_have_text(["Ann Lee"])
    expect(bob.field).to_have_attribute("aria-activedescendant", "offers-0")
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
    ann.page.keyboard.press("Enter")
    expect(ann.log.locator("[data-state=sent]")).to_have_count(1)
    ann.page.keyboard.press("ArrowUp")
    ann.editor.press("Control+a")
    ann.editor.press("Control+i")
    expect(ann.editor).to_have_value("***words***")


def test_the_keyboard_deletes_a_message_and_goes_on_from_there(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    for text in ("first", "second"):
        ann.send(text)
    expect(ann.log.locator("[data-state=sent]")).to_have_count(2)
    question = ann.page.get_by_role("dialog")
    for key in ("Shift+Tab", "Shift+Tab", "Tab", "Enter"):
        ann.page.keyboard.press(key)
    expect(question).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(ann.message("second").get_by_role("button", name="Delete")).to_be_focused()
    ann.page.keyboard.press("Enter")
    expect(question).to_be_visible()
    for key in ("Tab", "Enter"):
        ann.page.keyboard.press(key)
    expect(ann.log.locator(".deleted")).to_be_focused()
    ann.page.keyboard.press("ArrowUp")
    expect(ann.message("first").get_by_role("button", name="Edit")).to_be_focused()


def test_on_a_phone_a_kept_message_keeps_the_focus(open_chat: OpenChat) -> None:
    ann = open_chat(is_mobile=True, has_touch=True).join("ann")
    ann.send("mine")
    expect(ann.message("mine")).to_have_attribute("data-state", "sent")
    ann.message("mine").tap()
    ann.message("mine").get_by_role("button", name="Delete").tap()
    ann.page.get_by_role("button", name="Keep it").tap()
    expect(ann.message("mine")).to_be_focused()


def test_the_new_text_of_a_message_deleted_elsewhere_becomes_a_draft(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.send("first")
    expect(ann.message("first")).to_have_attribute("data-state", "sent")
    other = ChatWindow(ann.page.context.new_page(), ann.page.url.partition("#")[0]).join("ann")
    expect(other.message("first")).to_have_count(1)
    ann.field.press("ArrowUp")
    ann.editor.fill("better")
    other.act("first", "Delete")
    other.page.get_by_role("button", name="Delete it").click()
    expect(ann.editor).to_have_count(0)
    expect(ann.field).to_have_value("better")

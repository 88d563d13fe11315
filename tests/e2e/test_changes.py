"""Changing what was said, and taking it back."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line


def test_the_last_own_message_is_changed_from_the_keyboard(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    for text in ("first", "secnd"):
        ann.say(text)
    expect(bob.others).to_have_text(["first", "secnd"])
    ann.field.press("ArrowUp")
    editor = ann.page.get_by_label("Edit message")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("secnd")
    editor.press("Escape")
    expect(editor).to_have_count(0)
    expect(ann.field).to_be_focused()
    ann.field.press("ArrowUp")
    editor.fill("second")
    editor.press("Enter")
    expect(bob.others).to_have_text(["first", "second"])
    expect(bob.message("second")).to_contain_text("(edited)")
    expect(ann.own).to_have_text(["first", "second"])
    expect(ann.message("second")).to_contain_text("(edited)")
    expect(ann.field).to_be_focused()
    cat = open_chat().join("cat")
    expect(cat.others).to_have_text(["first", "second"])
    expect(cat.message("second")).to_contain_text("(edited)")


def test_a_deleted_message_is_gone_for_all_after_a_question(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("a secret")
    ann.say("harmless")
    expect(bob.others).to_have_count(2)
    ann.act("a secret", "Delete")
    ann.page.get_by_role("button", name="Keep it").click()
    expect(ann.own).to_have_text(["a secret", "harmless"])
    ann.act("a secret", "Delete")
    ann.page.get_by_role("button", name="Delete it").click()
    left = ["This message was deleted", "harmless"]
    expect(bob.others).to_have_text(left)
    expect(ann.own).to_have_text(left)
    cat = open_chat().join("cat")
    expect(cat.others).to_have_text(left)
    expect(ann.message(left[0]).get_by_role("button")).to_have_count(0)
    expect(bob.message("harmless").get_by_role("button")).to_have_count(0)


def test_a_change_that_is_refused_says_so_and_can_be_discarded(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.say("from one device")
    expect(ann.message("from one device")).to_have_attribute("data-state", "sent")
    other = open_chat().join("ann")
    other.act("from one device", "Edit")
    editor = other.page.get_by_label("Edit message")
    editor.fill("from another")
    editor.press("Enter")
    expect(other.message("from another")).to_contain_text("Not edited:")
    other.act("from another", "Discard")
    expect(other.own).to_have_text(["from one device"])
    expect(ann.own).to_have_text(["from one device"])


def test_a_change_made_offline_is_made_once_the_connection_is_back(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    ann.say("tpyo")
    expect(bob.others).to_have_text(["tpyo"])
    line.cut(4002)
    ann.field.press("ArrowUp")
    editor = ann.page.get_by_label("Edit message")
    editor.fill("typo")
    editor.press("Enter")
    expect(bob.others).to_have_text(["typo"])
    expect(ann.own).to_have_text(["typo"])


def test_arrows_lead_from_the_actions_of_one_message_to_those_of_the_next(
    open_chat: OpenChat,
) -> None:
    ann = open_chat().join("ann")
    for text in ("first", "second"):
        ann.say(text)
    expect(ann.store.locator("[data-state=sent]")).to_have_count(2)
    ann.page.keyboard.press("Shift+Tab")
    ann.page.keyboard.press("Shift+Tab")
    expect(ann.message("second").get_by_role("button", name="Edit")).to_be_focused()
    ann.page.keyboard.press("ArrowUp")
    expect(ann.message("first").get_by_role("button", name="Edit")).to_be_focused()
    ann.page.keyboard.press("Enter")
    expect(ann.page.get_by_label("Edit message")).to_have_value("first")


def test_on_a_phone_a_tap_on_an_own_message_shows_what_can_be_done_with_it(
    open_chat: OpenChat,
) -> None:
    ann = open_chat(viewport={"width": 390, "height": 780}, is_mobile=True, has_touch=True)
    ann.join("ann").say("tap me")
    edit = ann.message("tap me").get_by_role("button", name="Edit")
    expect(ann.message("tap me")).to_have_attribute("data-state", "sent")
    expect(edit).to_be_hidden()
    ann.own.tap()
    edit.tap()
    expect(ann.page.get_by_label("Edit message")).to_have_value("tap me")
    ann.expect_no_sideways_scroll()

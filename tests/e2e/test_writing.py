"""Writing, sending, editing and deleting messages."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line, Message


def test_enter_sends_unless_with_shift_an_input_method_or_nothing_to_send(
    open_chat: OpenChat,
) -> None:
    ann = open_chat().join("ann")
    for blanks in ("", "   ", "\n \n"):
        ann.field.fill(blanks)
        ann.field.press("Enter")
        expect(ann.send_button).to_be_disabled()
    ann.field.fill("にほん")
    ann.field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(ann.field).to_have_value("にほん")
    ann.field.press("Shift+Enter")
    ann.page.keyboard.type("two")
    ann.field.press("Enter")
    expect(ann.own).to_have_count(1)
    assert ann.own.inner_text() == "にほん\ntwo"
    expect(ann.field).to_have_value("")
    expect(ann.field).to_be_focused()


def test_on_a_phone_enter_starts_a_new_line_and_the_button_sends(open_chat: OpenChat) -> None:
    ann = open_chat(is_mobile=True, has_touch=True).join("ann")
    expect(ann.field).to_have_attribute("enterkeyhint", "enter")
    expect(ann.page.locator("#composer-hint")).to_contain_text("Enter starts a new line")
    ann.field.fill("one")
    ann.field.press("Enter")
    ann.page.keyboard.type("two")
    expect(ann.field).to_have_value("one\ntwo")
    ann.send_button.tap()
    expect(ann.own).to_have_count(1)
    ann.send("Ctrl+Enter sends")
    expect(ann.own).to_have_count(2)


def test_a_message_has_4096_characters_at_most(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    counter = ann.page.locator("#counter")
    expect(counter).to_be_hidden()
    ann.send("x" * 4099)
    expect(counter).to_have_text("3 too many")
    expect(ann.send_button).to_be_disabled()
    expect(ann.field).to_have_value("x" * 4099)
    # Two UTF-16 units each in JavaScript, one character each for the server.
    text = "𝄞" * 4096
    ann.field.fill(text)
    expect(counter).to_have_text("0 left")
    ann.field.press("Enter")
    expect(ann.own).to_have_text([text])
    expect(counter).to_be_hidden()


def test_a_message_shows_sending_then_sent_then_seen(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    held: list[Message] = []

    def hold(message: Message) -> bool:
        if message["type"] in {"ack", "message"}:
            held.append(message)
        return message not in held

    line.to_page = hold
    ann.send("hello")
    hello = ann.message("hello")
    expect(hello).to_have_attribute("data-state", "sending")
    ann.wait_for(lambda: len(held) == 2, "ack and message")
    line.send(**held[0])
    expect(hello).to_have_attribute("data-state", "sent")
    line.send(**held[1])
    line.restore()
    bob = open_chat().join("bob")
    expect(hello).to_have_attribute("data-state", "seen")
    expect(hello.locator(".seen")).to_have_text("Seen by bob")
    expect(bob.others).to_have_text(["hello"])
    expect(ann.own).to_have_text(["hello"])


def test_a_failed_message_can_be_sent_again_rewritten_or_discarded(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    line.reject("internal", "Something went wrong.")
    for text in ("again", "anew", "away"):
        ann.send(text)
        expect(ann.message(text)).to_have_attribute("data-state", "failed")
    expect(ann.message("again")).to_contain_text("Not sent: Something went wrong.")
    line.restore()
    ann.act("again", "Try again")
    expect(bob.others).to_have_text(["again"])
    ann.act("away", "Discard")
    ann.act("anew", "Rewrite")
    expect(ann.own).to_have_text(["again"])
    expect(ann.field).to_have_value("anew")
    line.reject("unavailable", "The store is unavailable")
    ann.field.press("Enter")
    expect(ann.message("anew")).to_contain_text("The store is unavailable. Retrying…")
    line.restore()
    expect(bob.others).to_have_text(["again", "anew"])
    expect(ann.message("anew")).not_to_contain_text("Retrying")
    line.reject("forbidden", "Not yours", "edit")
    ann.act("anew", "Edit")
    ann.editor.fill("other words")
    ann.editor.press("Enter")
    expect(ann.message("other words")).to_contain_text("Not edited: Not yours")
    ann.act("other words", "Discard")
    expect(ann.own).to_have_text(["again", "anew"])


def test_unanswered_and_unsent_messages_survive_a_reload_once(open_chat: OpenChat) -> None:
    line = Line()
    line.to_page = lambda message: message["type"] not in {"ack", "message"}
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    ann.send("stored, but the answer is lost")
    expect(bob.others).to_have_text(["stored, but the answer is lost"])
    ann.send("not even sent")
    line.restore()
    ann.page.reload()
    expect(bob.others).to_have_text(["stored, but the answer is lost", "not even sent"])
    expect(ann.own).to_have_text(["stored, but the answer is lost", "not even sent"])
    expect(ann.unsettled).to_have_count(0)


def test_the_up_arrow_edits_the_last_own_message(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    for text in ("first", "secnd"):
        ann.send(text)
    expect(bob.others).to_have_text(["first", "secnd"])
    expect(ann.unsettled).to_have_count(0)
    ann.field.press("ArrowUp")
    expect(ann.editor).to_be_focused()
    expect(ann.editor).to_have_value("secnd")
    ann.editor.press("Escape")
    expect(ann.editor).to_have_count(0)
    expect(ann.field).to_be_focused()
    ann.field.press("ArrowUp")
    ann.editor.fill("second")
    ann.editor.press("Enter")
    for window in (ann, bob):
        expect(window.texts).to_have_text(["first", "second"])
        expect(window.message("second")).to_contain_text("(edited)")
    expect(ann.field).to_be_focused()


def test_arrows_move_between_the_actions_of_messages(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    for text in ("first", "second"):
        ann.send(text)
    expect(ann.log.locator("[data-state=sent]")).to_have_count(2)
    ann.page.keyboard.press("Shift+Tab")
    ann.page.keyboard.press("Shift+Tab")
    expect(ann.message("second").get_by_role("button", name="Edit")).to_be_focused()
    ann.page.keyboard.press("ArrowUp")
    expect(ann.message("first").get_by_role("button", name="Edit")).to_be_focused()
    ann.page.keyboard.press("Enter")
    expect(ann.editor).to_have_value("first")


def test_a_message_is_deleted_for_everyone_after_a_confirmation(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.send("a secret")
    ann.send("harmless")
    expect(bob.others).to_have_count(2)
    ann.act("a secret", "Delete")
    ann.page.get_by_role("button", name="Keep it").click()
    expect(ann.own).to_have_text(["a secret", "harmless"])
    ann.act("a secret", "Delete")
    ann.page.get_by_role("button", name="Delete it").click()
    left = ["This message was deleted", "harmless"]
    for window in (ann, bob):
        expect(window.texts).to_have_text(left)
    expect(ann.message(left[0]).get_by_role("button")).to_have_count(0)
    expect(bob.message("harmless").get_by_role("button")).to_have_count(0)

"""Several rooms in one window."""

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line
from tests.e2e.windows import ChatWindow
from tests.support.server import ChatServer

LOOK_AWAY = """
document.hasFocus = () => window.isLookedAt !== false;
window.look = (isLookedAt) => {
  window.isLookedAt = isLookedAt;
  dispatchEvent(new Event(isLookedAt ? "focus" : "blur"));
};
"""
"""A window in a test always has the focus, so the test simulates its loss."""


def test_each_room_has_its_messages_people_and_unread_count(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.open_room("dev")
    expect(ann.rooms).to_have_text(["dev", "general"])
    expect(ann.people).to_have_text(["ann"])
    ann.send("only for dev")
    bob.send("one")
    bob.send("two")
    expect(ann.unread("general")).to_have_text("2")
    expect(ann.page).to_have_title("(2) trio chat")
    bob.open_room("dev")
    expect(bob.others).to_have_text(["only for dev"])
    expect(ann.people).to_have_text(["ann", "bob"])
    ann.page.get_by_role("button", name="general, 2 unread").click()
    expect(ann.texts).to_have_text(["one", "two"])
    expect(ann.unread("general")).to_be_hidden()
    expect(ann.page).to_have_title("trio chat")
    expect(ann.log.locator(".new")).to_have_text("New")
    expect(ann.log.locator(".new + .message .text")).to_have_text("one")


def test_a_message_that_nobody_looks_at_is_unread(open_chat: OpenChat) -> None:
    def watch(page: Page) -> None:
        page.add_init_script(LOOK_AWAY)

    ann, bob = open_chat(prepare=watch).join("ann"), open_chat().join("bob")
    bob.send("look!")
    expect(bob.message("look!")).to_have_attribute("data-state", "seen")
    ann.page.evaluate("look(false)")
    bob.send("where are you?")
    expect(ann.page).to_have_title("(1) trio chat")
    expect(ann.unread("general")).to_have_text("1")
    expect(bob.message("where are you?")).to_have_attribute("data-state", "sent")
    ann.page.evaluate("look(true)")
    expect(bob.message("where are you?")).to_have_attribute("data-state", "seen")
    expect(ann.page).to_have_title("trio chat")
    expect(ann.log.locator(".new + .message .text")).to_have_text("where are you?")


def test_the_browser_remembers_rooms_and_the_tab_its_name(
    open_chat: OpenChat, server: ChatServer
) -> None:
    ann = open_chat().join("ann")
    ann.page.get_by_role("button", name="general").click(button="right")
    expect(ann.page.get_by_role("menuitemcheckbox", name="Mute")).to_be_visible()
    expect(ann.page.get_by_role("menuitem", name="Leave general")).to_be_hidden()  # the last room
    ann.page.keyboard.press("Escape")
    expect(ann.options("general")).to_be_focused()
    ann.open_room("dev")
    ann.open_room("ops")
    ann.choose("dev", "Leave dev")
    expect(ann.rooms).to_have_text(["general", "ops"])
    tab = ChatWindow(ann.page.context.new_page(), server.page("/"))
    expect(tab.name_field).to_have_value("ann")
    tab.join("bob")
    expect(tab.rooms).to_have_text(["general"])
    ann.page.reload()
    ann.expect_connected()
    expect(ann.own_name).to_have_text(["ann"])
    ann.choose("ops", "Leave ops")
    expect(ann.room_name).to_have_text("general")
    expect(ann.rooms).to_have_text(["general"])


def test_a_room_that_cannot_be_joined_is_explained(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    error = ann.page.locator("#rooms-error")
    ann.room_field.fill("…")
    ann.room_field.press("Enter")
    expect(error).to_contain_text("letters a to z")
    ann.room_field.fill("My Room")
    expect(error).to_be_empty()
    expect(ann.page.get_by_text("Enter joins “my-room”.")).to_be_visible()
    ann.room_field.press("Enter")
    expect(ann.room_name).to_have_text("my-room")
    line.reject("forbidden", "No room for you", "join")
    ann.room_field.fill("ops")
    ann.room_field.press("Enter")
    expect(ann.page.locator("#error")).to_contain_text("No room for you")
    expect(ann.rooms).to_have_text(["general", "my-room"])
    ann.page.locator("#error").get_by_role("button").click()
    expect(ann.page.locator("#error")).to_be_hidden()


def test_nobody_is_in_more_than_50_rooms(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    store = "names => localStorage.setItem('trio-chat-rooms:ann', JSON.stringify(names))"
    ann.page.evaluate(store, [f"r{number}" for number in range(60)])
    ann.page.reload()
    ann.expect_connected()
    expect(ann.rooms).to_have_count(50)
    ann.room_field.fill("one-more")
    ann.room_field.press("Enter")
    expect(ann.page.locator("#rooms-error")).to_contain_text("50 rooms, the maximum")
    ann.page.evaluate("location.hash = '#room=by-link'")
    expect(ann.page.locator("#error")).to_contain_text("50 rooms")
    expect(ann.rooms).to_have_count(50)
    expect(ann.room_name).not_to_have_text("by-link")


def test_the_address_names_the_open_room(open_chat: OpenChat, server: ChatServer) -> None:
    ann = open_chat("/#room=dev").join("ann")
    expect(ann.room_name).to_have_text("dev")
    ann.open_room("general")
    expect(ann.page).to_have_url(server.page("/#/room/general"))
    ann.page.evaluate("location.hash = '#room=ops'")
    expect(ann.room_name).to_have_text("ops")
    expect(ann.rooms).to_have_text(["dev", "general", "ops"])
    expect(ann.page).to_have_url(server.page("/#/room/ops"))
    for room in ("general", "dev", "dev"):  # the first room, where Back does not leave the chat
        ann.page.go_back()
        expect(ann.room_name).to_have_text(room)
    ann.expect_connected()
    ann.page.go_forward()
    expect(ann.room_name).to_have_text("general")


def test_each_room_keeps_its_draft_over_a_reload(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.field.press_sequentially("half")
    bob.expect_shown("typing", "ann is typing…")
    ann.open_room("dev")
    expect(bob.typing).to_be_empty()
    expect(ann.field).to_have_value("")
    ann.send("for dev")
    expect(ann.message("for dev")).to_have_attribute("data-state", "sent")
    ann.field.fill("more")
    bob.send("elsewhere")
    ann.page.reload()
    ann.expect_connected()
    expect(ann.room_name).to_have_text("dev")
    expect(ann.own).to_have_text(["for dev"])
    expect(ann.field).to_have_value("more")
    expect(ann.unread("general")).to_have_text("1")
    ann.switch_to("general")
    expect(ann.field).to_have_value("half")
    ann.field.press("Enter")
    expect(bob.others).to_have_text(["half"])
    expect(bob.notices.filter(has_text="ann")).to_have_count(1)


def test_no_half_written_text_is_lost_without_asking(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    ann.send("one")
    ann.act("one", "Edit")
    ann.editor.fill("one and a half")
    ann.open_room("dev")
    ann.field.fill("a draft")
    ann.page.reload()
    ann.expect_connected()
    expect(ann.field).to_have_value("a draft")
    ann.switch_to("general")
    expect(ann.editor).to_have_value("one and a half")
    asks = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert not ann.page.evaluate(asks)
    line.to_server = lambda message: message["type"] != "message"
    ann.send("unanswered")
    expect(ann.unsettled).to_have_count(1)
    assert ann.page.evaluate(asks)
    ann.leave()
    expect(ann.page.get_by_text("3 of your texts are not sent yet.")).to_be_visible()
    ann.page.get_by_role("button", name="Stay").click()
    expect(ann.editor).to_have_value("one and a half")
    ann.leave()
    ann.page.get_by_role("button", name="Discard and leave").click()
    line.restore()
    ann.join("ann")
    expect(ann.texts).to_have_text(["one"])
    expect(ann.editor).to_have_count(0)


def test_an_expired_token_leaves_the_draft(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    ann.field.fill("a draft")
    line.cut(4010)
    expect(ann.name_field).to_be_focused()
    ann.join("ann")
    expect(ann.field).to_have_value("a draft")


def test_only_the_device_that_sent_a_message_offers_to_edit_it(open_chat: OpenChat) -> None:
    ann, other = open_chat().join("ann"), open_chat().join("ann")
    ann.send("from here")
    for window, count in ((ann, 2), (other, 0)):
        expect(window.own).to_have_text(["from here"])
        expect(window.message("from here").locator(".actions button")).to_have_count(count)
    ann.page.reload()
    expect(ann.message("from here").locator(".actions button")).to_have_count(2)


def test_the_order_of_rooms_and_the_rows_stay_while_the_focus_is_in_the_list(
    open_chat: OpenChat,
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.open_room("dev")
    expect(ann.rooms).to_have_text(["dev", "general"])
    row = ann.page.locator(".room-open").first
    row.focus()
    bob.send("for general")
    expect(ann.unread("general")).to_have_text("1")
    expect(ann.rooms).to_have_text(["dev", "general"])
    expect(row).to_be_focused()
    people = ann.people.first.element_handle()
    open_chat("/#/room/dev").join("eve")
    expect(ann.people).to_have_text(["ann", "eve"])
    assert people is not None
    assert people.evaluate("name => name.isConnected")
    ann.page.keyboard.press("ArrowDown")
    expect(ann.page.get_by_role("button", name="general, 1 unread")).to_be_focused()
    ann.field.focus()
    expect(ann.rooms).to_have_text(["general", "dev"])


def test_the_quick_switcher_goes_to_a_room_and_makes_one(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    ann.open_room("dev")
    ann.page.keyboard.press("Control+k")
    ann.page.keyboard.type("gen")
    options = ann.page.get_by_role("option")
    expect(options).to_have_text(["general", "gen new room"])
    ann.page.keyboard.press("ArrowDown")
    expect(options.last).to_have_attribute("aria-selected", "true")
    ann.page.keyboard.press("ArrowUp")
    ann.page.keyboard.press("Enter")
    expect(ann.room_name).to_have_text("general")
    expect(ann.field).to_be_focused()
    ann.page.keyboard.press("Control+k")
    ann.page.keyboard.press("Escape")
    expect(ann.field).to_be_focused()

"""Several rooms in one window."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer
from tests.e2e.windows import ChatWindow, Window

LOOK_AWAY = """
document.hasFocus = () => window.isLookedAt !== false;
window.look = (isLookedAt) => {
  window.isLookedAt = isLookedAt;
  dispatchEvent(new Event(isLookedAt ? "focus" : "blur"));
};
"""
"""A window in a test always has the focus, so whether somebody looks at it is played."""


def watch(page: Page) -> None:
    page.add_init_script(LOOK_AWAY)


def test_what_is_said_stays_in_its_room_and_each_room_has_its_people(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.open_room("dev")
    expect(ann.rooms).to_have_text(["dev", "general"])
    expect(ann.people).to_have_text(["ann"])
    ann.say("only for dev")
    expect(ann.own).to_have_text(["only for dev"])
    bob.say("for all")
    expect(ann.unread("general")).to_have_text("1")
    bob.open_room("dev")
    expect(bob.others).to_have_text(["only for dev"])
    expect(ann.people).to_have_text(["ann", "bob"])
    ann.switch_to("general")
    expect(ann.others).to_have_text(["for all"])
    expect(ann.texts).to_have_count(1)


def test_unread_is_counted_for_each_room_and_in_the_title_until_it_is_read(
    open_chat: OpenChat,
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.open_room("dev")
    bob.say("one")
    bob.say("two")
    expect(ann.unread("general")).to_have_text("2")
    expect(ann.page).to_have_title("(2) trio chat")
    ann.page.get_by_role("button", name="general, 2 unread").click()
    expect(ann.unread("general")).to_be_hidden()
    expect(ann.page).to_have_title("trio chat")
    expect(ann.store.locator(".new")).to_have_text("New")
    expect(ann.store.locator(".new + .message .text")).to_have_text("one")


def test_what_comes_while_nobody_looks_is_unread_and_not_seen(open_chat: OpenChat) -> None:
    ann, bob = open_chat(prepare=watch).join("ann"), open_chat().join("bob")
    bob.say("look!")
    expect(bob.message("look!")).to_have_attribute("data-state", "seen")
    ann.page.evaluate("look(false)")
    bob.say("where are you?")
    expect(ann.page).to_have_title("(1) trio chat")
    expect(ann.unread("general")).to_have_text("1")
    expect(bob.message("where are you?")).to_have_attribute("data-state", "sent")
    ann.page.evaluate("look(true)")
    expect(bob.message("where are you?")).to_have_attribute("data-state", "seen")
    expect(ann.page).to_have_title("trio chat")
    expect(ann.store.locator(".new + .message .text")).to_have_text("where are you?")


def test_a_room_is_remembered_by_the_browser_until_it_is_left(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    leave = ann.page.get_by_role("button", name="Leave general")
    expect(leave).to_be_hidden()  # the last one
    ann.open_room("dev")
    ann.open_room("ops")
    ann.page.get_by_role("button", name="Leave dev").focus()
    ann.page.keyboard.press("Enter")
    expect(ann.rooms).to_have_text(["general", "ops"])
    tab = ChatWindow(ann.page.context.new_page(), ann.page.url.partition("#")[0]).join("ann")
    expect(tab.rooms).to_have_text(["general", "ops"])
    ann.page.get_by_role("button", name="Leave ops").focus()
    ann.page.keyboard.press("Enter")
    expect(ann.title_room).to_have_text("general")
    expect(ann.rooms).to_have_text(["general"])


def test_a_name_that_no_room_can_have_is_said_to_be_so(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    field = ann.page.get_by_label("Name of a room")
    field.fill("no room")
    field.press("Enter")
    expect(ann.page.locator("#rooms-error")).to_contain_text("letters a to z")
    expect(ann.rooms).to_have_text(["general"])
    field.fill("#Dev")
    expect(ann.page.locator("#rooms-error")).to_be_empty()
    field.press("Enter")
    expect(ann.title_room).to_have_text("dev")


def test_a_link_leads_into_its_room_and_the_address_leads_there_again(
    open_window: Callable[..., Window], server: ChatServer
) -> None:
    ann = open_window(ChatWindow, "/#room=dev")
    assert isinstance(ann, ChatWindow)
    ann.join("ann")
    expect(ann.title_room).to_have_text("dev")
    ann.open_room("general")
    expect(ann.page).to_have_url(server.url("/"))
    ann.page.evaluate("location.hash = '#room=ops'")
    expect(ann.title_room).to_have_text("ops")
    expect(ann.rooms).to_have_text(["dev", "general", "ops"])
    expect(ann.page).to_have_url(server.url("/#room=ops"))


def test_what_is_begun_in_one_room_is_not_said_in_another(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.field.press_sequentially("half")
    bob.expect_shown("typing", "ann is typing…")
    ann.open_room("dev")
    expect(bob.typing).to_be_empty()
    expect(ann.field).to_have_value("")
    ann.say("for dev")
    ann.switch_to("general")
    expect(ann.field).to_have_value("half")
    ann.field.press_sequentially(" done")
    ann.field.press("Enter")
    expect(bob.others).to_have_text(["half done"])


def test_no_more_rooms_are_asked_for_than_there_may_be(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    names = [f"r{number}" for number in range(60)]
    remember = "names => localStorage.setItem('trio-chat-rooms', JSON.stringify(names))"
    ann.page.evaluate(remember, names)
    ann.page.reload()
    ann.expect_connected()
    expect(ann.rooms).to_have_count(50)
    ann.page.get_by_label("Name of a room").fill("one-more")
    ann.page.get_by_label("Name of a room").press("Enter")
    expect(ann.page.locator("#rooms-error")).to_contain_text("50 rooms, the maximum")
    ann.page.evaluate("location.hash = '#room=by-link'")
    expect(ann.page.locator("#error")).to_contain_text("50 rooms")
    expect(ann.rooms).to_have_count(50)
    expect(ann.title_room).not_to_have_text("by-link")


@pytest.mark.parametrize("width", [390])
def test_on_a_phone_the_rooms_are_a_drawer(open_chat: OpenChat, width: int) -> None:
    size = {"width": width, "height": 780}
    ann, bob = open_chat(viewport=size, is_mobile=True, has_touch=True), open_chat().join("bob")
    ann.join("ann")
    toggle = ann.page.get_by_role("button", name="Rooms", exact=False)
    toggle.tap()
    expect(ann.page.locator("#rooms-toggle")).to_have_attribute("aria-expanded", "true")
    ann.open_room("dev")
    expect(ann.rooms.first).to_be_hidden()
    bob.say("hello")
    expect(ann.page.locator("#rooms-toggle-count")).to_have_text("1")
    toggle.tap()
    expect(ann.rooms).to_have_text(["dev", "general"])
    ann.expect_no_sideways_scroll()
    ann.page.get_by_role("button", name="general, 1 unread").tap()
    expect(ann.others).to_have_text(["hello"])
    expect(ann.rooms.first).to_be_hidden()

"""With a keyboard alone, on a phone, in the dark, without motion."""

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import OpenChat, OpenEcho
from tests.e2e.windows import Window

PHONE = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
SMALL_PHONE = {**PHONE, "viewport": {"width": 320, "height": 560}}

OUTLINE = "element => parseFloat(getComputedStyle(element).outlineWidth)"


def tab_to(window: Window, target: Locator, presses: int = 12) -> None:
    """Press Tab until the target has the focus, and shows it."""
    for _ in range(presses):
        if target.evaluate("element => element === document.activeElement"):
            break
        window.page.keyboard.press("Tab")
    expect(target).to_be_focused()


def test_the_keyboard_reaches_every_control(open_chat: OpenChat) -> None:
    ann = open_chat()
    keyboard, button = ann.page.keyboard, ann.page.get_by_role
    expect(ann.name_field).to_be_focused()
    keyboard.type("ann")
    tab_to(ann, button("button", name="Join"))
    keyboard.press("Enter")
    expect(ann.field).to_be_focused()
    assert ann.field.evaluate(OUTLINE) >= 2
    keyboard.type("no mouse")
    tab_to(ann, ann.send_button)
    keyboard.press("Space")
    expect(ann.own).to_have_text(["no mouse"])
    expect(ann.field).to_be_focused()
    tab_to(ann, ann.page.locator("#people-list"))
    tab_to(ann, ann.room_field)
    keyboard.type("dev\n")
    expect(ann.field).to_be_focused()
    tab_to(ann, button("button", name="dev", exact=True))
    keyboard.press("ArrowRight")
    expect(ann.options("dev")).to_be_focused()
    tab_to(ann, ann.room_field, 1)  # the list is one stop
    tab_to(ann, ann.scroller)
    leave = button("button", name="Leave", exact=True)
    tab_to(ann, leave)
    assert leave.evaluate(OUTLINE) >= 2
    keyboard.press("Enter")
    expect(ann.name_field).to_be_focused()


def test_a_small_phone_shows_the_pages_without_sideways_scrolling(
    open_chat: OpenChat, open_echo: OpenEcho
) -> None:
    ann = open_chat(**SMALL_PHONE)
    ann.expect_no_sideways_scroll()
    ann.join("W" * 32)
    ann.send("word" * 200)
    expect(ann.own.last).to_be_visible()
    ann.expect_no_sideways_scroll()
    content, box = ann.log.evaluate("log => [log.scrollWidth, log.clientWidth]")
    assert content <= box
    echo = open_echo(**SMALL_PHONE)
    echo.expect_connected()
    echo.send("word" * 200)
    expect(echo.replies).to_have_count(1)
    echo.expect_no_sideways_scroll()
    expect(echo.field).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_lists_are_drawers(open_chat: OpenChat) -> None:
    ann, bob = open_chat(**PHONE).join("ann"), open_chat().join("bob")
    expect(ann.people_count).to_have_text("2")
    expect(ann.people.first).to_be_hidden()
    people = ann.page.get_by_role("button", name="People in the room")
    expect(people).to_contain_text("2")
    people.tap()
    expect(ann.people).to_have_text(["ann", "bob"])
    expect(ann.people.first).to_be_in_viewport()
    ann.page.keyboard.press("Escape")
    expect(ann.people.first).to_be_hidden()
    expect(people).to_be_focused()
    rooms = ann.page.locator("#rooms-toggle")
    rooms.tap()
    expect(rooms).to_have_attribute("aria-expanded", "true")
    ann.open_room("dev")
    expect(ann.rooms.first).to_be_hidden()
    bob.send("hello")
    expect(ann.page.locator("#rooms-toggle-count")).to_have_text("1")
    rooms.tap()
    ann.page.get_by_role("button", name="general, 1 unread").tap()
    expect(ann.others).to_have_text(["hello"])
    expect(ann.rooms.first).to_be_hidden()


def test_on_a_phone_a_tap_shows_the_actions_of_a_message_and_the_keyboard_hides_nothing(
    open_chat: OpenChat,
) -> None:
    ann = open_chat(**PHONE).join("ann")
    for number in range(12):
        ann.send(f"line {number}")
    expect(ann.own).to_have_count(12)
    ann.page.set_viewport_size({"width": 390, "height": 380})  # as a phone's keyboard does
    expect(ann.field).to_be_in_viewport(ratio=1)
    expect(ann.own.last).to_be_in_viewport(ratio=1)
    last = ann.message("line 11")
    expect(last).to_have_attribute("data-state", "sent")
    edit = last.get_by_role("button", name="Edit")
    expect(edit).to_be_hidden()
    ann.own.last.tap()
    edit.tap()
    expect(ann.editor).to_have_value("line 11")
    ann.expect_no_sideways_scroll()


def test_the_pages_respect_dark_mode_and_reduced_motion(
    open_chat: OpenChat, open_echo: OpenEcho
) -> None:
    shade = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    moves = "getComputedStyle(document.querySelector('#pill .dot')).animationName !== 'none'"
    assert open_echo(color_scheme="light").page.evaluate(shade) > 200
    assert open_echo(color_scheme="dark").page.evaluate(shade) < 60
    assert open_chat(color_scheme="light").page.evaluate(f"[{shade} > 200, {moves}]") == [
        True,
        True,
    ]
    options = {"color_scheme": "dark", "reduced_motion": "reduce"}
    assert open_chat(**options).page.evaluate(f"[{shade} < 60, {moves}]") == [True, False]

"""With a keyboard alone, on a phone, in the dark."""

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import OpenChat, OpenEcho
from tests.e2e.windows import Window

PHONE = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
SMALL_PHONE = {**PHONE, "viewport": {"width": 320, "height": 560}}


def _tab_to(window: Window, target: Locator, presses: int = 12) -> None:
    for _ in range(presses):
        if target.evaluate("element => element === document.activeElement"):
            return
        window.page.keyboard.press("Tab")
    expect(target).to_be_focused()


def test_everything_in_the_chat_is_reached_by_keyboard(open_chat: OpenChat) -> None:
    ann = open_chat()
    keyboard = ann.page.keyboard
    expect(ann.name_field).to_be_focused()
    keyboard.type("ann")
    _tab_to(ann, ann.page.get_by_role("button", name="Join"))
    keyboard.press("Enter")
    expect(ann.field).to_be_focused()
    keyboard.type("no mouse")
    _tab_to(ann, ann.send_button)
    keyboard.press("Space")
    expect(ann.own).to_have_text(["no mouse"])
    expect(ann.field).to_be_focused()
    _tab_to(ann, ann.page.locator("#people-list"))
    _tab_to(ann, ann.page.get_by_label("Name of a room"))
    keyboard.type("dev\n")
    expect(ann.field).to_be_focused()
    _tab_to(ann, ann.page.get_by_role("button", name="dev", exact=True))
    _tab_to(ann, ann.page.get_by_role("button", name="Leave dev"))
    _tab_to(ann, ann.page.get_by_label("Messages", exact=True))
    _tab_to(ann, ann.page.get_by_role("button", name="Leave", exact=True))
    keyboard.press("Enter")
    expect(ann.name_field).to_be_focused()


def test_what_has_the_focus_is_seen_to_have_it(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    for target in (ann.field, ann.page.get_by_role("button", name="Leave")):
        _tab_to(ann, target)
        assert target.evaluate("element => parseFloat(getComputedStyle(element).outlineWidth)") >= 2


def test_a_phone_shows_the_chat_without_sideways_scrolling(open_chat: OpenChat) -> None:
    for phone in (PHONE, SMALL_PHONE):
        ann = open_chat(**phone)
        ann.expect_no_sideways_scroll()
        ann.join("W" * 32)
        ann.say("word" * 200)
        expect(ann.own.last).to_be_visible()
        ann.expect_no_sideways_scroll()
        box = ann.store.evaluate("log => [log.scrollWidth, log.clientWidth]")
        assert box[0] <= box[1]
        ann.leave()


def test_on_a_phone_the_list_of_people_is_a_drawer(open_chat: OpenChat) -> None:
    ann, bob = open_chat(**PHONE).join("ann"), open_chat().join("bob")
    expect(ann.people_count).to_have_text("2")
    expect(ann.people.first).to_be_hidden()
    toggle = ann.page.get_by_role("button", name="People in the room")
    expect(toggle).to_contain_text("2")
    toggle.tap()
    expect(ann.people).to_have_text(["ann", "bob"])
    expect(ann.people.first).to_be_in_viewport()
    ann.page.keyboard.press("Escape")
    expect(ann.people.first).to_be_hidden()
    expect(toggle).to_be_focused()
    bob.leave()
    expect(toggle).to_contain_text("1")


def test_the_composer_stays_in_sight_above_a_phones_keyboard(open_chat: OpenChat) -> None:
    ann = open_chat(**PHONE).join("ann")
    for number in range(12):
        ann.say(f"line {number}")
    expect(ann.own).to_have_count(12)
    ann.page.set_viewport_size({"width": 390, "height": 380})
    expect(ann.field).to_be_in_viewport(ratio=1)
    expect(ann.own.last).to_be_in_viewport(ratio=1)


def test_the_echo_page_fits_a_phone(open_echo: OpenEcho) -> None:
    echo = open_echo(**SMALL_PHONE)
    echo.expect_connected()
    echo.say("word" * 200)
    expect(echo.lines).to_have_count(2)
    echo.expect_no_sideways_scroll()
    expect(echo.field).to_be_in_viewport(ratio=1)


def test_the_pages_are_dark_where_the_reader_wants_it(
    open_chat: OpenChat, open_echo: OpenEcho
) -> None:
    for open_page in (open_chat, open_echo):
        shades = [
            open_page(color_scheme=scheme).page.evaluate(
                "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
            )
            for scheme in ("light", "dark")
        ]
        assert shades[0] > 200
        assert shades[1] < 60


def test_nothing_moves_for_a_reader_who_wants_no_motion(open_chat: OpenChat) -> None:
    moving = "getComputedStyle(document.querySelector('#pill .dot')).animationName"
    assert open_chat().page.evaluate(moving) != "none"
    assert open_chat(reduced_motion="reduce").page.evaluate(moving) == "none"

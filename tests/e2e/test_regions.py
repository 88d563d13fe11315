"""The regions of the page: ways between them, and their share of a small screen."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat


def test_f6_and_skip_links_lead_from_region_to_region(open_chat: OpenChat) -> None:
    ann = open_chat()
    ann.join("ann")
    room = ann.page.locator("#rooms-list").get_by_text("general")
    expect(ann.field).to_be_focused()
    ann.page.keyboard.press("F6")
    expect(ann.page.locator("#people-list")).to_be_focused()
    ann.page.keyboard.press("F6")
    assert room.evaluate("room => document.activeElement.contains(room)")
    ann.page.keyboard.press("Shift+F6")
    ann.page.keyboard.press("Shift+F6")
    expect(ann.field).to_be_focused()
    address = ann.page.url
    link = ann.page.get_by_role("link", name="Skip to the list of rooms")
    link.focus()
    link.press("Enter")
    assert room.evaluate("room => document.activeElement.contains(room)")
    assert ann.page.url == address


@pytest.mark.parametrize(("width", "height"), [(390, 420), (360, 320)])
def test_above_the_keyboard_of_a_phone_the_log_has_half_of_the_height(
    open_chat: OpenChat, width: int, height: int
) -> None:
    ann = open_chat(viewport={"width": width, "height": height}, has_touch=True)
    ann.join("ann")
    box = ann.scroller.bounding_box()
    assert box is not None
    assert box["height"] >= height / 2
    ann.expect_no_sideways_scroll()

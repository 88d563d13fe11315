"""The page of the guide to the client package chats from another origin."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import chromium
from tests.support.server import ChatServer

from .pages import code_block
from .test_javascript_client import site


@pytest.mark.timeout(60)
def test_two_pages_of_another_origin_chat(tmp_path: Path) -> None:
    block = code_block("how-to/own-page.md", "html")
    with (
        site(tmp_path) as origin,
        ChatServer("--embed-origin", origin) as server,
        chromium() as browser,
    ):
        for name in ("ann", "bob"):
            source = block.replace("https://chat.example.org", server.page(""))
            (tmp_path / f"{name}.html").write_text(source.replace('"ann"', f'"{name}"'))
        ann, bob = browser.new_page(), browser.new_page()
        for page, name in ((ann, "ann"), (bob, "bob")):
            page.goto(f"{origin}/{name}.html")
            expect(page.locator("#state")).to_have_text("open")
        ann.get_by_label("Message").fill("<b>hello</b>")
        ann.get_by_role("button", name="Send").click()
        expect(bob.locator("#log")).to_contain_text("ann: <b>hello</b>")

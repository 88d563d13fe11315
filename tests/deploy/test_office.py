"""An office behind one address opens the page at once through the shipped nginx."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from playwright.sync_api import expect

from tests.e2e.browser import chromium
from tests.e2e.windows import ChatWindow
from tests.support import nginx
from tests.support.raw import Address, RawConnection
from tests.support.server import ChatServer

from .node import SETTINGS, connections

PEOPLE = 50
IN_CHROMIUM = 3
"""The others request the paths that Chromium requested."""

ASKED = """() => performance.getEntries()
  .filter(({ entryType }) => entryType === "navigation" || entryType === "resource")
  .map(({ name }) => new URL(name).pathname)"""
"""The paths that a page requested."""

OFFICE = ("--upgrade-rate", "50", "--upgrade-burst", "400")
"""The settings in docs/how-to/invite-your-team.md for an office of 200."""


def load(address: Address, paths: list[str]) -> list[int]:
    """Request these paths in order, and return the statuses."""
    host, port = address
    connection = http.client.HTTPConnection(host, port, timeout=60)
    statuses = []
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    return statuses


def test_fifty_people_behind_one_address_can_all_connect(stack: ExitStack) -> None:
    node = stack.enter_context(ChatServer(*SETTINGS, *OFFICE))
    proxy = stack.enter_context(nginx.running([node.address]))
    browser = stack.enter_context(chromium())
    for number in range(IN_CHROMIUM):
        page = stack.enter_context(browser.new_context(locale="en-GB")).new_page()
        window = ChatWindow(page, f"http://{proxy.address[0]}:{proxy.port}/")
        expect(page.locator("#loading")).to_have_count(0)
        window.join(f"person {number}")
    asked = page.evaluate(ASKED)
    assert any(path.endswith("/page/chat.js") for path in asked)

    with ThreadPoolExecutor(PEOPLE - IN_CHROMIUM) as people:
        loads = people.map(lambda _: load(proxy.address, asked), range(IN_CHROMIUM, PEOPLE))
        assert {status for statuses in loads for status in statuses} == {200}
    for number in range(IN_CHROMIUM, PEOPLE):
        person = stack.enter_context(RawConnection(proxy.address))
        person.upgrade("/ws")
        person.join(f"person {number}")
    assert connections(node) == PEOPLE

"""Scrolling up into what was said before."""

import json

import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer

SETTINGS = ("--message-rate", "0")
LINES = 130


def fill(server: ChatServer, count: int) -> None:
    """Let somebody say so many lines, and wait until the last is on the store."""
    with connect(server.socket_url) as writer:
        writer.send("writer")
        for number in range(count):
            writer.send(f"line {number}\n" + "and more of it\n" * (number % 3))
        last = f"line {count - 1}"
        while not json.loads(writer.recv(timeout=20)).get("message", "").startswith(last):
            pass


TOP_OF_LINE = """
box => {
  const top = box.getBoundingClientRect().top;
  const lines = [...box.querySelectorAll(".message")];
  const line = lines.find((one) => one.getBoundingClientRect().top >= top);
  return [line.querySelector(".text").textContent, line.getBoundingClientRect().top];
}
"""


@pytest.mark.parametrize("settings", [SETTINGS])
def test_older_messages_come_on_scrolling_up_and_nothing_jumps(
    open_chat: OpenChat, server: ChatServer
) -> None:
    fill(server, LINES)
    ann = open_chat(viewport={"width": 900, "height": 500}).join("ann")
    expect(ann.others.last).to_contain_text(f"line {LINES - 1}")
    expect(ann.others.last).to_be_in_viewport()
    assert ann.others.count() < LINES
    beginning = ann.store.get_by_text("The beginning of this room")
    pages = 0
    while beginning.count() == 0:
        before = ann.others.count()
        ann.scroller.evaluate("box => { box.scrollTop = box.clientHeight / 2 }")
        text, top = ann.scroller.evaluate(TOP_OF_LINE)
        expect(ann.others).not_to_have_count(before)
        still = ann.scroller.evaluate(
            """(box, text) => [...box.querySelectorAll(".message")]
              .find((one) => one.querySelector(".text").textContent === text)
              .getBoundingClientRect().top""",
            text,
        )
        assert abs(still - top) < 1
        pages += 1
    assert pages >= 2
    numbers = [int(text.split("\n")[0].split()[1]) for text in ann.others.all_inner_texts()]
    assert numbers == list(range(LINES))


@pytest.mark.parametrize("settings", [SETTINGS])
def test_a_window_higher_than_the_history_is_filled(
    open_chat: OpenChat, server: ChatServer
) -> None:
    fill(server, 70)
    ann = open_chat(viewport={"width": 900, "height": 6000}).join("ann")
    expect(ann.others).to_have_count(70)

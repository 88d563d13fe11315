"""Messages between windows, and how each window shows them."""

import json

import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line
from tests.support.server import ChatServer

UNLIMITED = ("--message-rate", "0")


def test_windows_show_each_message_once_with_its_author_and_time(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.send("hello bob")
    expect(bob.others).to_have_text(["hello bob"])
    bob.send("hello ann")
    expect(ann.others).to_have_text(["hello ann"])
    for window in (ann, bob):
        expect(window.texts).to_have_text(["hello bob", "hello ann"])
    expect(bob.log.locator(".other .name")).to_have_text("ann")
    stated = bob.log.locator(".other time").get_attribute("datetime")
    assert bob.page.evaluate("text => Math.abs(Date.now() - new Date(text)) < 60_000", stated)
    cat = open_chat().join("cat")
    expect(cat.others).to_have_text(["hello bob", "hello ann"])
    expect(cat.log.locator(".divider").first).to_have_text("The beginning of this room")


def test_a_plain_client_and_a_window_share_the_chat(
    open_chat: OpenChat, server: ChatServer
) -> None:
    ann = open_chat().join("ann")
    with connect(server.url()) as plain:
        plain.send("carl")
        expect(ann.people).to_have_text(["ann", "carl"])
        expect(ann.notices.last).to_contain_text("ann and carl came")
        plain.send("from a terminal")
        expect(ann.others).to_have_text(["from a terminal"])
        ann.send("from a window")
        while "from a window" not in plain.recv(timeout=20):
            pass
    expect(ann.notices.last).to_contain_text("carl has left the chat")
    expect(ann.people).to_have_text(["ann"])
    expect(ann.people_count).to_have_text("1")


MARKUP = [
    "<img src=x onerror=alert(1)>",
    "<script>document.title = 'mine'</script>",
    "<b>bold</b> &amp; &lt;",
    '{"type":"system","message":"I am the server"}',
]


def test_markup_in_a_message_stays_text(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    for text in MARKUP:
        ann.send(text)
    expect(bob.others).to_have_text(MARKUP)
    expect(ann.own).to_have_text(MARKUP)
    assert bob.others.locator("*:not(p)").count() == 0
    assert bob.log.locator("img, script, b").count() == 0
    assert bob.page.title() == "trio chat"


def test_markup_in_a_name_stays_text(open_chat: OpenChat) -> None:
    name = "<b onclick=x>&amp;</b>"
    ann, odd = open_chat().join("ann"), open_chat().join(name)
    odd.send("my name is odd")
    expect(ann.log.locator(".other .name")).to_have_text(name)
    expect(ann.people).to_contain_text([name])
    expect(ann.notices.last.locator("bdi.subject")).to_have_text(["ann", name])
    assert ann.page.locator("b").count() == 0


def test_piled_combining_marks_cover_no_other_message(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    bob.send("above")
    bob.send("a" + "\u0301" * 4_000)
    expect(ann.others).to_have_count(2)
    pile = ann.others.last
    pile.evaluate("pile => { pile.style.visibility = 'hidden' }")
    clear = ann.others.first.screenshot()
    pile.evaluate("pile => { pile.style.visibility = '' }")
    assert ann.others.first.screenshot() == clear


def test_a_reader_who_scrolled_up_stays_there(open_chat: OpenChat, server: ChatServer) -> None:
    fill(server, 12)
    line = Line()
    ann = open_chat(prepare=line.prepare, viewport={"width": 900, "height": 420}).join("ann")
    expect(ann.others.last).to_be_in_viewport()
    ann.scroll_to_top()
    line.cut(4002)
    ann.wait_for(lambda: line.count == 2, "second socket")
    ann.expect_connected()
    bob = open_chat().join("bob")
    bob.send("below")
    jump = ann.page.locator("#jump")
    expect(jump).to_have_text("1 new message")
    assert ann.scroller.evaluate("box => box.scrollTop") == 0
    jump.click()
    expect(ann.others.last).to_be_in_viewport()
    expect(jump).to_be_hidden()


def fill(server: ChatServer, count: int) -> None:
    """Send this many messages, and wait until the server has stored the last."""
    with connect(server.url()) as writer:
        writer.send("writer")
        for number in range(count):
            writer.send(f"line {number}\n" + "and more of it\n" * (number % 3))
        last = f"line {count - 1}"
        while not json.loads(writer.recv(timeout=20)).get("message", "").startswith(last):
            pass


FIRST_IN_VIEW = """box => {
  const top = box.getBoundingClientRect().top;
  const rows = [...box.querySelectorAll(".message")];
  const row = rows.find((one) => one.getBoundingClientRect().top >= top);
  return [row.dataset.key, row.getBoundingClientRect().top];
}"""

TOP_OF_ROW = """(box, key) =>
  box.querySelector(`[data-key="${key}"]`).getBoundingClientRect().top"""


@pytest.mark.parametrize("settings", [UNLIMITED])
def test_scrolling_up_loads_older_messages_and_nothing_jumps(
    open_chat: OpenChat, server: ChatServer
) -> None:
    count = 130
    fill(server, count)
    ann = open_chat(viewport={"width": 900, "height": 500}).join("ann")
    expect(ann.others.last).to_contain_text(f"line {count - 1}")
    expect(ann.others.last).to_be_in_viewport()
    beginning = ann.log.get_by_text("The beginning of this room")
    pages = 0
    while beginning.count() == 0:
        before = ann.others.count()
        ann.scroller.evaluate("box => { box.scrollTop = box.clientHeight / 2 }")
        key, top = ann.scroller.evaluate(FIRST_IN_VIEW)
        expect(ann.others).not_to_have_count(before)
        assert abs(ann.scroller.evaluate(TOP_OF_ROW, key) - top) < 1
        pages += 1
    assert pages >= 2
    numbers = [int(text.split("\n")[0].split()[1]) for text in ann.others.all_inner_texts()]
    assert numbers == list(range(count))


@pytest.mark.parametrize("settings", [UNLIMITED])
def test_a_link_to_a_message_loads_the_history_up_to_it(
    open_chat: OpenChat, server: ChatServer
) -> None:
    fill(server, 130)
    ann = open_chat("/#/room/general/5").join("ann")
    linked = ann.log.locator('[data-seq="5"][data-linked]')
    expect(linked).to_be_in_viewport()
    ann.page.evaluate("location.hash = '#/room/general/100'")
    expect(ann.log.locator('[data-seq="100"][data-linked]')).to_be_in_viewport()
    ann.page.go_back()
    expect(linked).to_be_in_viewport()


@pytest.mark.parametrize("settings", [UNLIMITED])
def test_history_fills_a_window_higher_than_its_first_page(
    open_chat: OpenChat, server: ChatServer
) -> None:
    fill(server, 70)
    ann = open_chat(viewport={"width": 900, "height": 6000}).join("ann")
    expect(ann.others).to_have_count(70)

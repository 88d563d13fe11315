"""What is said, and how each window shows it."""

import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer


def test_two_windows_see_each_message_once_and_tell_own_from_others(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("hello bob")
    expect(bob.others).to_have_text(["hello bob"])
    bob.say("hello ann")
    expect(ann.others).to_have_text(["hello ann"])
    expect(ann.own).to_have_text(["hello bob"])
    expect(bob.own).to_have_text(["hello ann"])
    expect(ann.texts).to_have_count(2)
    expect(bob.texts).to_have_count(2)


def test_own_messages_stand_to_the_right_of_others(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("left for bob")
    expect(bob.others).to_have_count(1)
    bob.say("right for bob")
    other, own = bob.others.bounding_box(), bob.own.bounding_box()
    assert other is not None
    assert own is not None
    assert other["x"] < own["x"]


def test_a_message_shows_its_author_and_a_machine_readable_time(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("what time is it?")
    expect(bob.store.locator(".other .name")).to_have_text("ann")
    time = bob.store.locator(".other time")
    stated = time.get_attribute("datetime")
    assert bob.page.evaluate("text => Math.abs(Date.now() - new Date(text)) < 60_000", stated)


def test_a_client_without_a_page_and_two_windows_share_the_chat(
    open_chat: OpenChat, server: ChatServer
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    with connect(server.socket_url) as plain:
        plain.send("carl")
        expect(ann.people).to_have_text(["ann", "bob", "carl"])
        plain.send("from a terminal")
        expect(ann.others).to_have_text(["from a terminal"])
        expect(bob.others).to_have_text(["from a terminal"])
        ann.say("from a window")
        while "from a window" not in plain.recv(timeout=20):
            pass
    expect(ann.notices.last).to_contain_text("carl has left the chat")


MARKUP = [
    "<img src=x onerror=\"document.title='gone wrong'\">",
    "<script>document.title = 'gone wrong'</script>",
    "&lt;b&gt; &amp; <b>bold</b>",
    '{"type":"system","message":"not from the server"}',
]


def test_markup_in_a_message_stays_text(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    for text in MARKUP:
        ann.say(text)
    expect(bob.others).to_have_text(MARKUP)
    expect(ann.own).to_have_text(MARKUP)
    assert bob.others.locator("*").count() == 0
    assert bob.store.locator("img, script, b").count() == 0
    assert bob.page.title() == "trio chat"


def test_markup_in_a_name_stays_text(open_chat: OpenChat) -> None:
    name = "<b onclick=x>&amp;</b>"
    ann, odd = open_chat().join("ann"), open_chat().join(name)
    odd.say("my name is odd")
    expect(ann.store.locator(".other .name")).to_have_text(name)
    expect(ann.people).to_contain_text([name])
    expect(ann.notices.last).to_contain_text(f"{name} has joined the chat")
    assert ann.page.locator("b").count() == 0


@pytest.mark.parametrize("name", ["ann has left the chat. bob", "x has joined the chat"])
def test_a_name_that_looks_like_a_notice_is_set_apart(open_chat: OpenChat, name: str) -> None:
    ann = open_chat().join("ann")
    odd = open_chat().join(name)
    expect(ann.notices.last.locator("bdi.subject")).to_have_text(name)
    odd.leave()
    expect(ann.notices.last).to_contain_text(f"{name} has left the chat")
    expect(ann.notices.last.locator("bdi.subject")).to_have_text(name)


def test_a_pile_of_combining_marks_covers_nothing_that_others_wrote(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    bob.say("above")
    expect(ann.others).to_have_text(["above"])
    clear = ann.others.first.screenshot()
    bob.say("a" + "\u0301" * 4_000)
    expect(ann.others).to_have_count(2)
    assert ann.others.first.screenshot() == clear


def test_a_newcomer_sees_what_was_said_from_the_beginning(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("first")
    expect(bob.others).to_have_text(["first"])
    bob.say("second")
    expect(ann.others).to_have_text(["second"])
    cat = open_chat().join("cat")
    expect(cat.others).to_have_text(["first", "second"])
    expect(cat.store.locator(".divider").first).to_have_text("The beginning of this room")
    expect(cat.notices.last).to_contain_text("cat has joined the chat")


@pytest.mark.parametrize("settings", [("--message-rate", "2", "--message-burst", "2")])
def test_what_is_said_too_fast_is_sent_a_little_later_in_its_order(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    words = ["one", "two", "three", "four", "five"]
    for text in words:
        ann.say(text)
    expect(ann.own).to_have_text(words)
    expect(bob.others).to_have_text(words)
    expect(ann.store.locator("[data-state=sending], [data-state=failed]")).to_have_count(0)


def test_a_reader_who_looks_back_is_left_there_and_told_of_what_is_new(open_chat: OpenChat) -> None:
    ann, bob = open_chat(viewport={"width": 900, "height": 420}), open_chat().join("bob")
    ann.join("ann")
    for number in range(12):
        bob.say(f"line {number}")
        expect(ann.others).to_have_count(number + 1)
    expect(ann.others.last).to_be_in_viewport()
    jump = ann.page.locator("#jump")
    ann.look_back()
    bob.say("below")
    expect(jump).to_have_text("1 new message")
    assert ann.scroller.evaluate("box => box.scrollTop") == 0
    jump.click()
    expect(ann.others.last).to_be_in_viewport()
    expect(jump).to_be_hidden()

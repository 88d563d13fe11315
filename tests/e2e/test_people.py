"""The list of people."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Line


def test_the_list_follows_those_who_come_and_go(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    expect(ann.people).to_have_text(["ann"])
    bob = open_chat().join("bob")
    expect(ann.people).to_have_text(["ann", "bob"])
    expect(ann.people_count).to_have_text("2")
    expect(ann.notices.last).to_contain_text("bob has joined the chat")
    bob.leave()
    expect(ann.people).to_have_text(["ann"])
    expect(ann.people_count).to_have_text("1")
    expect(ann.notices.last).to_contain_text("bob has left the chat")


def test_each_window_marks_its_own_name_and_no_other(open_chat: OpenChat) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    expect(ann.people).to_have_count(2)
    expect(ann.marked).to_have_text(["ann"])
    expect(bob.marked).to_have_text(["bob"])


def test_another_spelling_of_a_name_is_the_same_person(open_chat: OpenChat) -> None:
    first = open_chat().join("Ann")
    second = open_chat().join(" aNN ")
    expect(second.marked).to_have_text(["Ann"])
    expect(first.people).to_have_text(["Ann"])
    first.say("from the first")
    expect(second.own).to_have_text(["from the first"])
    second.say("from the second")
    expect(first.own).to_have_text(["from the first", "from the second"])


def test_a_large_room_lists_its_first_names_with_the_own_one(open_chat: OpenChat) -> None:
    line = Line()
    zoe = open_chat(prepare=line.prepare).join("zoe")
    names = [f"user {number:03}" for number in range(200)]
    line.tell(type="presence", room="general", online=names, offline=[], count=5001)
    expect(zoe.people).to_have_count(201)
    expect(zoe.marked).to_have_text(["zoe"])
    expect(zoe.people_count).to_have_text("5,001")
    expect(zoe.page.locator(".more-people")).to_have_text("and 4,800 more")


def test_a_tab_keeps_its_name_and_a_new_one_begins_with_the_last(open_chat: OpenChat) -> None:
    ann = open_chat().join("ann")
    tab = ann.page.context.new_page()
    tab.goto(ann.page.url)
    expect(tab.get_by_label("Your name")).to_have_value("ann")
    tab.get_by_label("Your name").fill("bob")
    tab.get_by_role("button", name="Join").click()
    expect(tab.locator("#pill")).to_have_text("Connected")
    ann.page.reload()
    ann.expect_connected()
    expect(ann.marked).to_have_text(["ann"])
    ann.leave()
    expect(ann.name_field).to_have_value("ann")

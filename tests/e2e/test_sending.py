"""From writing a message to having it seen, whatever happens in between."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.line import Frame, Line


def test_a_message_is_being_sent_then_sent_then_seen(open_chat: OpenChat) -> None:
    line = Line()
    ann = open_chat(prepare=line.prepare).join("ann")
    held: list[Frame] = []

    def hold(frame: Frame) -> bool:
        if frame["type"] in {"ack", "message"}:
            held.append(frame)
        return frame not in held

    line.lets_in = hold
    ann.say("hello")
    hello = ann.message("hello")
    expect(hello).to_have_attribute("data-state", "sending")
    ann.wait_for(lambda: len(held) == 2, "answer and copy")
    line.tell(**held[0])
    expect(hello).to_have_attribute("data-state", "sent")
    line.tell(**held[1])
    line.lets_in = lambda _frame: True
    bob = open_chat().join("bob")
    expect(hello).to_have_attribute("data-state", "seen")
    expect(hello.locator(".seen")).to_have_text("Seen by bob")
    expect(bob.others).to_have_text(["hello"])
    expect(ann.own).to_have_text(["hello"])


def test_what_was_unanswered_or_unsent_before_a_reload_arrives_once(open_chat: OpenChat) -> None:
    line = Line()
    line.lets_in = lambda frame: frame["type"] not in {"ack", "message"}
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    ann.say("taken, and the answer is lost")
    expect(bob.others).to_have_text(["taken, and the answer is lost"])
    ann.say("not even sent")
    line.lets_in = lambda _frame: True
    ann.page.reload()
    expect(bob.others).to_have_text(["taken, and the answer is lost", "not even sent"])
    expect(ann.own).to_have_text(["taken, and the answer is lost", "not even sent"])
    expect(ann.store.locator("[data-state=sending]")).to_have_count(0)


def test_an_answer_that_is_lost_with_its_connection_makes_no_second_message(
    open_chat: OpenChat,
) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    line.lets_in = lambda frame: frame["type"] not in {"ack", "message"}
    ann.say("once")
    expect(bob.others).to_have_text(["once"])
    line.lets_in = lambda _frame: True
    line.cut(4002)
    expect(ann.message("once")).to_have_attribute("data-state", "seen")
    bob.say("and then")
    expect(ann.texts).to_have_text(["once", "and then"])
    expect(bob.texts).to_have_text(["once", "and then"])


def refuse(line: Line, code: str, words: str) -> None:
    """Answer each message in the server's place."""

    def answer(frame: Frame) -> bool:
        if frame["type"] != "message":
            return True
        line.tell(type="error", code=code, message=words, ref=frame["ref"], room=frame["room"])
        return False

    line.lets_out = answer


def test_what_failed_is_tried_again_rewritten_or_discarded(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    refuse(line, "internal", "Something went wrong.")
    for text in ("again", "anew", "away"):
        ann.say(text)
        expect(ann.message(text)).to_have_attribute("data-state", "failed")
    expect(ann.message("again")).to_contain_text("Not sent: Something went wrong.")
    line.lets_out = lambda _frame: True
    ann.act("again", "Try again")
    expect(bob.others).to_have_text(["again"])
    ann.act("away", "Discard")
    ann.act("anew", "Rewrite")
    expect(ann.own).to_have_text(["again"])
    expect(ann.field).to_have_value("anew")
    ann.field.press("Enter")
    expect(bob.others).to_have_text(["again", "anew"])
    expect(ann.own).to_have_text(["again", "anew"])


def test_while_the_log_is_out_of_reach_a_message_waits_and_says_so(open_chat: OpenChat) -> None:
    line = Line()
    ann, bob = open_chat(prepare=line.prepare).join("ann"), open_chat().join("bob")
    refuse(line, "unavailable", "The log is out of reach")
    ann.say("patience")
    expect(ann.message("patience")).to_contain_text("The log is out of reach. Retrying…")
    expect(ann.message("patience")).to_have_attribute("data-state", "sending")
    line.lets_out = lambda _frame: True
    expect(bob.others).to_have_text(["patience"])
    expect(ann.message("patience")).not_to_contain_text("out of reach")
    expect(ann.own).to_have_text(["patience"])

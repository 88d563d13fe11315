"""What is sent, when and how often, whatever the server answers."""

import pytest
from playwright.sync_api import Page

from tests.e2e.core import compute


def test_a_message_stands_there_once_from_writing_it_to_its_own_copy(page: Page) -> None:
    steps = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        const look = () => shown(session).map((one) => [one.key, one.text, one.state, one.seq]);
        session.say(room, "hello");
        const { ref } = newest().of("message")[0];
        const steps = [look()];
        acknowledge("id-2", 2);
        steps.push(look());
        newest().take(event(1), own(2, "hello"));
        steps.push(look());
        newest().take({ type: "read", room: "general", username: "bob", seq: 2 });
        steps.push(look());
        return steps.map((step) => step.map(([key, ...rest]) => [key === ref, ...rest]));
        """,
    )
    assert steps[0] == [[True, "hello", "sending", None]]
    assert steps[1] == [[True, "hello", "sent", 2]]
    assert steps[2] == [[False, "line 1", None, 1], [True, "hello", "sent", 2]]
    assert steps[3] == [[False, "line 1", None, 1], [True, "hello", "seen", 2]]


def test_messages_go_one_by_one_in_the_order_of_writing(page: Page) -> None:
    sent = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        for (const text of ["one", "two", "three"]) session.say(room, text);
        const sent = [newest().of("message").map(({ message }) => message)];
        for (const seq of [1, 2, 3]) {
          acknowledge(`id-${seq}`, seq);
          sent.push(newest().of("message").map(({ message }) => message));
        }
        return sent;
        """,
    )
    assert sent == [["one"], ["one", "two"], ["one", "two", "three"], ["one", "two", "three"]]


def test_without_an_answer_it_is_sent_again_with_the_same_ref_once_the_room_is_there(
    page: Page,
) -> None:
    first, early, again, seen = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        session.say(room, "hello");
        const first = newest().of("message").map(({ ref }) => ref);
        comeBack(session);
        const early = newest().of("message").length;
        newest().take(joined(1, [own(1, "hello")], { recovered: true }));
        const again = newest().of("message").map(({ ref }) => ref);
        const seen = [texts(session)];
        acknowledge("id-1", 1, { dup: true });
        seen.push(texts(session));
        return [first, early, again, seen];
        """,
    )
    assert early == 0
    assert again == first
    assert seen == [["hello"], ["hello"]]


def test_what_was_not_answered_before_a_reload_is_sent_after_it_with_the_same_ref(
    page: Page,
) -> None:
    kept, again, left = compute(
        page,
        """
        const before = begin();
        const room = enter(before);
        before.say(room, "hello");
        before.say(room, "more");
        const kept = heard.unsent;
        const after = begin(structuredClone(kept));
        newest().open();
        newest().take(welcome, joined(1, [own(1, "hello")]));
        const again = newest().of("message");
        const seen = texts(after);
        acknowledge("id-1", 1, { dup: true });
        acknowledge("id-2", 2);
        return [kept.map(({ ref }) => ref), [again.map(({ ref }) => ref), seen], heard.unsent];
        """,
    )
    assert again == [kept[:1], ["hello", "more"]]
    assert left == []


@pytest.mark.parametrize("code", ["rate_limited", "unavailable"])
def test_a_passing_refusal_is_tried_again_by_itself_after_the_time_that_was_told(
    page: Page, code: str
) -> None:
    refs, early, states = compute(
        page,
        f"""
        const session = begin();
        const room = enter(session);
        session.say(room, "hello");
        session.say(room, "behind it");
        const {{ ref }} = newest().of("message")[0];
        refuse("{code}", "Wait.", {{ retryAfterMs: 3_000 }});
        wait(2_900);
        const early = newest().of("message").length;
        wait(200);
        const states = shown(session).map(({{ state, fault }}) => [state, fault]);
        return [newest().of("message").map((frame) => frame.ref === ref), early, states];
        """,
    )
    assert early == 1
    assert refs == [True, True]
    assert states == [["sending", "Wait."], ["sending", None]]


def test_after_a_refusal_for_its_rate_the_rest_is_sent_below_the_rate(page: Page) -> None:
    counts = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        for (const text of ["one", "two", "three"]) session.say(room, text);
        refuse("rate_limited", "Wait.", { retryAfterMs: 50 });
        wait(60);
        acknowledge("id-1", 1);
        const counts = [newest().of("message").length];
        wait(110);
        counts.push(newest().of("message").length);
        return counts;
        """,
    )
    assert counts == [2, 3]


def test_a_final_refusal_fails_lets_the_next_pass_and_can_be_tried_again(page: Page) -> None:
    sent, failed, after = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        session.say(room, "too much");
        session.say(room, "next");
        const { ref } = newest().of("message")[0];
        refuse("too_large", "Too long.");
        const failed = shown(session).map((one) => [one.text, one.state, one.fault, one.failed]);
        acknowledge("id-1", 1);
        session.retry(room, ref);
        const sent = newest().of("message").map(({ message }) => message);
        session.discard(room, ref);
        return [sent, failed, [texts(session), heard.unsent]];
        """,
    )
    assert failed[0] == ["too much", "failed", "Too long.", "message"]
    assert sent == ["too much", "next", "too much"]
    assert after == [["next"], []]


def test_a_server_that_does_not_answer_is_given_up_without_leaving(page: Page) -> None:
    code, sockets = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        session.say(room, "hello?");
        const silent = newest();
        wait(15_100);
        session.retryNow();
        return [silent.closedWith, Socket.all.length];
        """,
    )
    assert code == 3001
    assert sockets == 2


def test_what_was_surely_not_taken_is_not_mistaken_for_the_same_words_from_elsewhere(
    page: Page,
) -> None:
    seen = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        session.say(room, "ok");
        newest().take(own(1, "ok"));
        const seen = [texts(session)];
        refuse("rate_limited", "Wait.");
        seen.push(texts(session));
        return seen;
        """,
    )
    assert seen == [["ok"], ["ok", "ok"]]


def test_what_a_log_had_taken_that_is_gone_is_no_longer_shown(page: Page) -> None:
    seen = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        session.say(room, "on the old log");
        acknowledge("id-1", 1);
        const seen = [texts(session)];
        comeBack(session);
        newest().take(joined(0, [], { epoch: "k2" }));
        seen.push(texts(session));
        return seen;
        """,
    )
    assert seen == [["on the old log"], []]

"""What is known of a room: changes, older history, who has read what."""

from playwright.sync_api import Page

from tests.e2e.core import compute


def test_an_edit_and_a_delete_change_the_message_and_take_a_place_in_the_log(page: Page) -> None:
    seen, cursor = compute(
        page,
        """
        const session = begin();
        const room = enter(session, event(1), event(2));
        newest().take(
          event(3, { type: "edited", id: "e", target: "id-1", message: "changed" }),
          event(4, { type: "deleted", id: "d", target: "id-2", message: "" }),
          event(5, { type: "edited", id: "f", target: "unknown", message: "of long ago" }),
          event(6));
        const seen = shown(session).map((line) => [line.text, line.isEdited, line.isDeleted]);
        return [seen, room.cursor];
        """,
    )
    assert seen == [["changed", True, False], ["", False, True], ["line 6", False, False]]
    assert cursor == 6


def test_an_own_edit_shows_at_once_and_is_taken_back_where_it_is_refused(page: Page) -> None:
    seen = compute(
        page,
        """
        const session = begin();
        const room = enter(session, own(1, "good"));
        const look = () => shown(session).map((line) => [line.text, line.state, line.failed])[0];
        session.edit(room, "id-1", "better");
        const seen = [look()];
        const { ref } = newest().of("edit")[0];
        refuse("forbidden", "Not yours.");
        seen.push(look());
        session.discard(room, ref);
        seen.push(look());
        session.edit(room, "id-1", "best");
        acknowledge("e", 2);
        seen.push(look());
        return seen;
        """,
    )
    assert seen == [
        ["better", "sending", None],
        ["better", "failed", "edit"],
        ["good", "sent", None],
        ["best", "sent", None],
    ]


def test_older_history_comes_before_what_is_shown_with_what_has_changed_since(page: Page) -> None:
    asked, seen, more = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        newest().take({ ...joined(4, [event(3), event(4)]), more: true, epoch: "k9" });
        session.loadOlder(room);
        session.loadOlder(room);
        const [{ ref, before, limit }, ...rest] = newest().of("history");
        newest().take(event(5, { type: "deleted", id: "d", target: "id-1", message: "" }));
        newest().take({ type: "history", room: "general", ref, more: false,
          history: [event(1), event(2, { edited: true, message: "changed" })] });
        session.loadOlder(room);
        const lines = shown(session).map(({ text, isDeleted }) => (isDeleted ? "gone" : text));
        return [[before, limit, rest.length], lines, newest().of("history").length];
        """,
    )
    assert asked == [3, 50, 0]
    assert seen == ["gone", "changed", "line 3", "line 4"]
    assert more == 1


def test_a_page_that_does_not_meet_what_is_shown_is_not_shown(page: Page) -> None:
    seen = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        newest().take({ ...joined(9, [event(8), event(9)]), more: true, epoch: "k2" });
        session.loadOlder(room);
        const { ref } = newest().of("history")[0];
        newest().take({ ...joined(801, [event(801)]), more: true, epoch: "k3" });
        newest().take({ type: "history", room: "general", ref, more: false, history: [event(7)] });
        session.loadOlder(room);
        return [texts(session), newest().of("history").map(({ before }) => before)];
        """,
    )
    assert seen == [["line 801"], [8, 801]]


def test_a_long_conversation_forgets_its_oldest_and_can_have_it_again(page: Page) -> None:
    result = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        for (let seq = 1; seq <= 1200; seq += 1) newest().take(event(seq));
        room.timeline.trim(1000);
        const lines = shown(session);
        session.loadOlder(room);
        return [lines.length, lines[0].text, newest().of("history")[0].before];
        """,
    )
    assert result == [1000, "line 201", 201]


def test_unread_are_the_messages_of_others_above_what_was_read(page: Page) -> None:
    counts = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        const again = (head, history, read) =>
          newest().take(joined(head, history, { read, epoch: `k-${read}-${head}` }));
        again(60, [event(55), event(56), own(57, "mine"), event(58), event(59), event(60)], 56);
        const counts = [room.unread];
        again(60, [event(59), event(60)], 50);
        counts.push(room.unread);
        newest().take(event(61, { type: "system", message: "cat has joined" }), event(62));
        counts.push(room.unread);
        newest().take(event(63, { type: "deleted", id: "d", target: "id-62", message: "" }));
        counts.push(room.unread);
        newest().take({ type: "read", room: "general", username: "ann", seq: 59 });
        counts.push(room.unread);
        return counts;
        """,
    )
    assert counts == [3, 10, 11, 10, 1]


def test_reading_is_told_once_a_second_never_backwards_and_again_after_a_loss(page: Page) -> None:
    told, again = compute(
        page,
        """
        const session = begin();
        const room = enter(session, ...[1, 2, 3, 4, 5].map((seq) => event(seq)));
        for (const seq of [1, 3, 2, 4]) session.tellRead(room, seq);
        wait(1_100);
        const told = newest().of("read").map(({ seq }) => seq);
        session.tellRead(room, 5);
        newest().lose();
        session.retryNow();
        newest().open();
        newest().take(welcome, joined(5, [], { recovered: true, read: 4 }));
        wait(1_100);
        return [told, newest().of("read").map(({ seq }) => seq)];
        """,
    )
    assert told == [1, 4]
    assert again == [5]


def test_nobody_stays_typing_after_the_loss(page: Page) -> None:
    typing = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        newest().take({ type: "typing", room: "general", username: "bob", isTyping: true });
        const typing = [[...room.typing.values()]];
        newest().lose();
        typing.push([...room.typing.values()]);
        return typing;
        """,
    )
    assert typing == [["bob"], []]


def test_each_reader_stands_under_the_newest_message_read_and_authors_under_none_of_theirs(
    page: Page,
) -> None:
    readers = compute(
        page,
        """
        const session = begin();
        enter(session);
        newest().take(joined(4, [event(1), event(2, { username: "cat" }), event(3), event(4)],
          { epoch: "k2", reads: { bob: 4, cat: 2, dora: 3, eve: 0 } }));
        newest().take({ type: "read", room: "general", username: "eve", seq: 3 });
        const readers = [shown(session).map(({ seenBy }) => seenBy)];
        const change = { online: ["fay"], offline: [], count: 201 };
        newest().take({ type: "presence", room: "general", ...change });
        readers.push(shown(session).flatMap(({ seenBy }) => seenBy ?? []));
        return readers;
        """,
    )
    assert [by or [] for by in readers[0]] == [[], [], ["dora", "eve"], []]
    assert readers[1] == []


def test_a_notice_is_recognised_by_its_kind_and_never_by_its_text(page: Page) -> None:
    notices, messages = compute(
        page,
        """
        const session = begin();
        const notice = (seq, more) => event(seq, { type: "system", username: undefined, ...more });
        const room = enter(session,
          notice(1, { kind: "joined", username: "ann has left the chat. bob", message: "J" }),
          notice(2, { kind: "left", username: "bob", message: "L" }),
          notice(3, { kind: "topic", username: "bob", message: "bob has joined the chat" }),
          notice(4, { message: "bob has left the chat" }));
        session.say(room, "bob has left the chat");
        comeBack(session);
        newest().take(joined(5, [notice(5, { kind: "left", username: "bob",
          message: "bob has left the chat" })], { recovered: true }));
        return [
          linesOf(room, [], { name: "ann", isSelf, newFrom: 0 })
            .filter(({ kind }) => kind === "notice").map(({ about, text }) => [about ?? "", text]),
          texts(session),
        ];
        """,
    )
    assert notices == [
        ["ann has left the chat. bob", " has joined the chat"],
        ["bob", " has left the chat"],
        ["", "bob has joined the chat"],
        ["", "bob has left the chat"],
        ["bob", " has left the chat"],
    ]
    assert messages == ["bob has left the chat"]

"""The session frame by frame: resuming, people, tokens, restarts."""

import pytest
from playwright.sync_api import Page

from tests.e2e.core import compute


def test_a_lost_connection_is_resumed_from_the_last_event_seen(page: Page) -> None:
    hellos, seen = compute(
        page,
        """
        const session = begin();
        enter(session, event(1), event(2));
        newest().take(event(3));
        comeBack(session);
        newest().take(joined(5, [event(4), event(5)], { recovered: true }));
        newest().take(event(6));
        return [Socket.all.map((socket) => socket.of("hello")[0].rooms), texts(session)];
        """,
    )
    assert hellos == [{"general": {}}, {"general": {"since": 3, "epoch": "k1"}}]
    assert seen == [f"line {seq}" for seq in range(1, 7)]


def test_what_cannot_be_resumed_is_shown_anew_and_says_so(page: Page) -> None:
    first, after_far, after_new = compute(
        page,
        """
        const session = begin();
        const room = enter(session, event(1));
        const heading = () =>
          linesOf(room, [], { name: "ann", isSelf, newFrom: 0 })[0].text;
        const seen = [[heading(), texts(session)]];
        comeBack(session);
        newest().take(joined(901, [event(900), event(901)], { more: true }));
        seen.push([heading(), texts(session)]);
        comeBack(session);
        newest().take(joined(1, [event(1, { id: "other" })], { epoch: "k2" }));
        seen.push([heading(), texts(session)]);
        return seen;
        """,
    )
    assert first == ["The beginning of this room", ["line 1"]]
    assert after_far[0].startswith("Much was said while you were away")
    assert after_far[1] == ["line 900", "line 901"]
    assert after_new[0].startswith("The server has another history now")
    assert after_new[1] == ["line 1"]


def test_an_event_that_comes_twice_is_shown_once(page: Page) -> None:
    seen = compute(
        page,
        """
        const session = begin();
        enter(session, event(1));
        newest().take(event(2), event(2), event(1), event(3));
        return texts(session);
        """,
    )
    assert seen == ["line 1", "line 2", "line 3"]


@pytest.mark.parametrize(
    "sign", ["event(5)", '({ type: "heartbeat", time: 0, heads: { general: 5, other: 9 } })']
)
def test_a_gap_is_asked_for_before_anything_behind_it_is_shown(page: Page, sign: str) -> None:
    with page.expect_console_message(lambda said: "are missing" in said.text):
        asked, between, after = compute(
            page,
            f"""
            const session = begin();
            enter(session, event(1), event(2));
            newest().take({sign}, event(6));
            const asked = newest().of("join").map((one) => [one.room, one.since, one.epoch]);
            const between = texts(session);
            newest().take(joined(6, [3, 4, 5, 6].map((seq) => event(seq)), {{ recovered: true }}));
            return [asked, between, texts(session)];
            """,
        )
    assert asked == [["general", 2, "k1"]]
    assert between == ["line 1", "line 2"]
    assert after == [f"line {seq}" for seq in range(1, 7)]


def test_a_room_that_is_out_of_reach_is_asked_for_again_and_a_forbidden_one_is_lost(
    page: Page,
) -> None:
    asked, lost, last_error, left = compute(
        page,
        """
        const session = begin();
        enter(session, event(1));
        session.joinRoom("dev");
        session.joinRoom("ops");
        const [dev, ops] = newest().of("join");
        newest().take({ type: "error", code: "unavailable", message: "no store", ref: dev.ref,
          retryAfterMs: 20 });
        newest().take({ type: "error", code: "forbidden", message: "not for you", ref: ops.ref });
        wait(40);
        const asked = newest().of("join").map(({ room }) => room);
        return [asked, heard.lost, heard.trouble, newest().of("leave")];
        """,
    )
    assert asked == ["dev", "ops", "dev"]
    assert lost == ["ops"]
    assert last_error == ["not for you"]
    assert left == []


def test_presence_comes_as_changes_and_a_crowd_lists_its_first_two_hundred(page: Page) -> None:
    users, count = compute(
        page,
        """
        const session = begin();
        const room = enter(session);
        const tell = (more) =>
          newest().take({ type: "presence", room: "general", online: [], offline: [], ...more });
        tell({ online: ["cat"], offline: ["bob"], count: 2 });
        const users = [room.users];
        tell({ online: Array.from({ length: 300 }, (_, at) => `user ${at}`), count: 5_000 });
        users.push(room.users.length);
        return [users, room.count];
        """,
    )
    assert users == [["ann", "cat"], 200]
    assert count == 5000


def test_a_token_that_ends_is_said_to_end_until_a_fresh_one_is_taken(page: Page) -> None:
    ending, sent = compute(
        page,
        """
        const session = begin();
        enter(session);
        newest().take({ type: "auth", expiresInMs: 30_000 });
        session.refreshToken("a.b.c");
        const { token, ref } = newest().of("auth")[0];
        newest().take({ type: "ack", ref });
        return [heard.ending, token];
        """,
    )
    assert ending == [True, False]
    assert sent == "a.b.c"


@pytest.mark.parametrize(("announced", "code"), [(True, 1006), (False, 1012)])
def test_after_a_restart_the_window_comes_back_within_half_a_second_and_raises_no_alarm(
    page: Page, *, announced: bool, code: int
) -> None:
    first, second = compute(
        page,
        f"""
        const session = begin();
        enter(session);
        if ({str(announced).lower()}) newest().take({{ type: "reconnect", afterMs: 100 }});
        newest().lose({code});
        const first = heard.states.at(-1);
        wait(500);
        newest().lose(1006);
        const second = [Socket.all.length, heard.states.at(-1).isPassing];
        wait(1_000);
        newest().lose(1006);
        wait(2_100);
        newest().lose(1006);
        return [first, [...second, Socket.all.length, heard.states.at(-1).isPassing]];
        """,
    )
    assert first["isPassing"]
    assert first["remainingMs"] <= 500
    assert second == [2, True, 4, False]


def test_where_nodes_restart_one_after_the_other_the_window_comes_back_from_each_in_a_second(
    page: Page,
) -> None:
    waits, sockets = compute(
        page,
        """
        const session = begin();
        enter(session);
        const waits = [];
        for (let count = 0; count < 5; count += 1) {
          newest().lose(1012);
          waits.push(heard.states.at(-1).remainingMs);
          wait(1_000);
          newest().open();
        }
        return [waits, Socket.all.length];
        """,
    )
    assert max(waits) <= 1_000
    assert sockets == 6


def test_a_socket_that_has_gone_silent_is_given_up_after_two_heartbeats_and_a_half(
    page: Page,
) -> None:
    sockets = compute(
        page,
        """
        const session = begin();
        enter(session, event(1));
        wait(200_000);
        const sockets = [Socket.all.length];  // who never had a heartbeat waits for none
        comeBack(session);
        newest().take(joined(1));
        wait(60_000);
        newest().take({ type: "heartbeat", time: 0 });
        for (const ms of [149_000, 149_000, 2_000]) {
          wait(ms);
          sockets.push(Socket.all.length);
          if (ms > 2_000 && sockets.length < 3) newest().take(event(2));
        }
        return sockets;
        """,
    )
    assert sockets == [1, 2, 2, 3]


@pytest.mark.parametrize("code", [1001, 1006, 1012, 1013, 4002, 4003, 4005, 4505])
def test_after_a_passing_trouble_it_comes_back(page: Page, code: int) -> None:
    sockets, refused = compute(
        page,
        f"""
        const session = begin();
        enter(session);
        newest().lose({code});
        wait(1_000);
        return [Socket.all.length, heard.refused];
        """,
    )
    assert sockets == 2
    assert refused == []


@pytest.mark.parametrize("code", [4010, 4500, 4501, 4504])
def test_who_would_only_be_refused_again_does_not_come_back(page: Page, code: int) -> None:
    sockets, refused = compute(
        page,
        f"""
        const session = begin();
        enter(session);
        newest().lose({code});
        wait(120_000);
        return [Socket.all.length, heard.refused];
        """,
    )
    assert sockets == 1
    assert [told for _, told in refused] == [code]

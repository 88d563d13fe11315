"""What joining and leaving bring a plain connection, and the shape of every event."""

import re
import time
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_joined, has_left, is_message, is_type
from tests.support.raw import RawConnection, joined
from tests.support.server import ChatServer

from .witness import Witness

SETTINGS = ("--upgrade-rate", "0")

Serve = Callable[..., ChatServer]

Join = Callable[..., Chatter]

LOGGED = {"type", "id", "seq", "room", "time", "ts"}

FIELDS = {
    "message": LOGGED | {"username", "message"},
    "system": LOGGED | {"kind", "username", "message"},
    "typing": {"type", "room", "username", "isTyping", "time"},
    "presence": {"type", "room", "users", "count", "time"},
    "history": {"type", "room", "history", "more", "time"},
}
"""As docs/reference/wire.md has them; a presence may name its room."""


def assert_shape(event: Event) -> None:
    """Hold that an event has exactly the fields of its type, of the right JSON types."""
    fields = FIELDS[event["type"]]
    assert set(event) | ({"room"} if event["type"] == "presence" else set()) == fields
    assert event.get("room", "general") == "general"
    assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", event["time"])
    if "seq" in fields:
        assert isinstance(event["id"], str)
        assert event["id"]
        assert type(event["seq"]) is int
        assert type(event["ts"]) is int
        assert abs(event["ts"] / 1000 - time.time()) < 600
        assert time.strftime("%H:%M:%S", time.localtime(event["ts"] // 1000)) == event["time"]


def types(events: list[Event]) -> list[str]:
    """Give the types of events."""
    return [event["type"] for event in events]


def test_the_first_one_is_told_of_its_own_joining_and_then_who_is_there(serve: Serve) -> None:
    ann = Chatter(serve().url(), "ann")
    notice, presence = ann.arrive()
    ann.leave()
    assert_shape(notice)
    assert_shape(presence)
    assert (notice["type"], notice["message"]) == ("system", "ann has joined the chat")
    assert (notice["kind"], notice["username"]) == ("joined", "ann")
    assert notice["seq"] == 1
    assert (presence["users"], presence["count"]) == (["ann"], 1)


def test_a_later_one_gets_history_then_its_own_notice_then_presence(serve: Serve) -> None:
    server = serve()
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    ann.fence("hello")
    bob = Chatter(server.url(), "bob")
    history, notice, presence = bob.arrive()
    ann.leave()
    bob.leave()
    for event in (history, notice, presence, *history["history"]):
        assert_shape(event)
    assert [e["message"] for e in history["history"]] == ["ann has joined the chat", "hello"]
    assert history["more"] is False
    assert notice["message"] == "bob has joined the chat"
    assert (presence["users"], presence["count"]) == (["ann", "bob"], 2)


def test_seqs_are_dense_from_1_and_ids_are_unique(serve: Serve) -> None:
    server = serve()
    ann = Chatter(server.url(), "ann")
    events = ann.arrive()
    bob = Chatter(server.url(), "bob")
    bob.arrive()
    for number in range(15):
        bob.say(f"line {number}")
    events += ann.up_to(is_message("line 14"))
    bob.leave()
    events += ann.up_to(has_left("bob"))
    ann.leave()
    logged = [event for event in events if "seq" in event]
    assert [event["seq"] for event in logged] == list(range(1, 19))
    assert len({event["id"] for event in logged}) == 18
    assert [event["ts"] for event in logged] == sorted(event["ts"] for event in logged)


def test_history_is_the_last_50_in_order_and_says_that_there_is_more(serve: Serve) -> None:
    server = serve("--message-rate", "0")
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    for number in range(60):
        ann.say(f"line {number}")
    ann.first(is_message("line 59"))
    bob = Chatter(server.url(), "bob")
    history = bob.next()
    ann.leave()
    bob.leave()
    assert history["more"] is True
    assert [e["message"] for e in history["history"]] == [f"line {n}" for n in range(10, 60)]
    assert [e["seq"] for e in history["history"]] == list(range(12, 62))


def test_history_and_what_follows_it_have_no_gap_and_no_repeat(serve: Serve) -> None:
    server = serve("--message-rate", "0", "--frame-rate", "0", "--history-size", "100")
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    people = []
    for number in range(200):
        ann.say(f"line {number}")
        if number % 20 == 0:
            people.append(Chatter(server.url(), f"p{number}"))
    joinings = [somebody.arrive() for somebody in people]
    ann.say("the end")
    for somebody, joining in zip(people, joinings, strict=True):
        events = joining + somebody.up_to(is_message("the end"))
        shown = events[0]["history"] if events[0]["type"] == "history" else []
        seqs = [event["seq"] for event in [*shown, *events] if "seq" in event]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        somebody.leave()
    ann.leave()


def test_users_are_sorted_by_code_point(join: Join) -> None:
    names = ["b", "a", "Z", "\u00e9", "\uac00", "\U0001f600", "_"]
    for name in names:
        presence = join(name).arrive()[-1]
    in_order = ["Z", "_", "a", "b", "witness", "\u00e9", "\uac00", "\U0001f600"]
    assert presence["users"] == in_order
    assert presence["count"] == len(in_order)


def test_a_second_connection_of_a_user_changes_nothing_and_counts_once(join: Join) -> None:
    ann, bob = join("ann"), join("bob")
    ann.up_to(has_joined("bob"))
    bob.arrive()
    second = join("ann")
    events = second.up_to(is_type("presence"))
    assert types(events) == ["history", "presence"]
    assert events[-1]["users"] == ["ann", "bob", "witness"]
    assert events[-1]["count"] == 3
    assert [e for e in bob.fence("between") if e["type"] in {"system", "presence"}] == []
    second.leave()
    assert [e for e in bob.fence("after") if e["type"] in {"system", "presence"}] == []
    ann.leave()
    bob.first(has_left("ann"))


def test_each_connection_of_a_user_gets_every_message(join: Join) -> None:
    first, second = join("ann"), join("ann")
    second.arrive()
    first.arrive()
    first.say("to both")
    ids = {somebody.first(is_message("to both"))["id"] for somebody in (first, second)}
    assert len(ids) == 1


def test_names_that_compare_as_equal_are_one_user_in_the_form_first_given(join: Join) -> None:
    first, second = join("Ann Lee"), join("  ann  LEE ")
    first.arrive()
    assert second.arrive()[-1]["users"] == ["Ann Lee", "witness"]
    second.say("who am I")
    assert first.first(is_message("who am I"))["username"] == "Ann Lee"


def test_a_form_of_a_name_is_free_again_when_its_user_has_left(
    join: Join, witness: Witness
) -> None:
    since = len(witness.events)
    first = join("Carol")
    first.arrive()
    first.leave()
    witness.wait_for(has_left("Carol"), since=since)
    assert "carol" in join("carol").arrive()[-1]["users"]


@pytest.mark.parametrize("name", ["x" * 32, "\U0001f600" * 32, "a b", "\u00c5ngstr\u00f6m", "@"])
def test_a_good_name_is_taken(join: Join, name: str) -> None:
    assert name in join(name).arrive()[-1]["users"]


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        (" ann ", "ann"),
        ("a \u3000 b", "a b"),
        ("A\u030a", "\u00c5"),
        ("x" * 32 + " ", "x" * 32),
    ],
)
def test_a_name_is_prepared_by_rfc_8266(join: Join, given: str, prepared: str) -> None:
    assert prepared in join(given).arrive()[-1]["users"]


def test_leaving_is_told_once_with_the_new_presence(join: Join, witness: Witness) -> None:
    ann, bob = join("ann"), join("bob")
    ann.up_to(has_joined("bob"))
    since = len(witness.events)
    ann.up_to(is_type("presence"))
    bob.leave()
    told = ann.up_to(is_type("presence")) + ann.fence("later")
    assert types(told) == ["system", "presence"]
    assert has_left("bob")(told[0])
    assert_shape(told[0])
    assert told[1]["users"] == ["ann", "witness"]
    witness.wait_for(has_left("bob"), since=since)


def test_an_end_without_a_close_is_told_at_once(
    server: ChatServer, join: Join, witness: Witness
) -> None:
    ann = join("ann")
    ann.arrive()
    for end in ("reset", "fin"):
        connection = joined(server.address, f"bob {end}")
        since = len(witness.events)
        if end == "reset":
            connection.reset()
        connection.socket.close()
        witness.wait_for(has_left(f"bob {end}"), since=since)


def test_who_has_not_said_a_name_is_not_there_and_hears_nothing(
    server: ChatServer, join: Join
) -> None:
    with RawConnection(server.address) as silent:
        silent.upgrade()
        ann = join("ann")
        assert ann.arrive()[-1]["users"] == ["ann", "witness"]
        ann.fence("is anybody there")
        events = silent.join("late")
    assert types(events) == ["history", "system", "presence"]
    assert events[0]["history"][-1]["message"] == "is anybody there"

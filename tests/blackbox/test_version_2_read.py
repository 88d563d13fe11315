"""Up to where users have read (docs/reference/wire.md)."""

import time
from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_left, is_type
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker, assert_error

SETTINGS = NO_LIMITS

Speak = Callable[..., Speaker]


def present(speak: Speak, name: str, room: str, said: int = 10) -> Speaker:
    """Give somebody in the room who has said so much, and read it."""
    somebody = speak(name, room)
    somebody.arrive()
    for _ in range(said):
        somebody.fence(room)
    return somebody


def reads(events: list[Event]) -> list[tuple[str, int]]:
    """Give what is told of reading, in order."""
    return [(e["username"], e["seq"]) for e in events if e["type"] == "read"]


def test_a_mark_is_told_to_the_room_and_shown_to_who_joins(speak: Speak, room: str) -> None:
    bob, ann = present(speak, "bob", room), present(speak, "Ann", room)
    ann.send(type="read", room=room, seq=5)
    for somebody in (ann, bob):
        told = somebody.first(is_type("read"))
        assert told == {"type": "read", "room": room, "username": "Ann", "seq": 5}
    (joined,) = speak("eve", room).arrive()
    assert (joined["read"], joined["reads"]) == (0, {"Ann": 5})
    (joined,) = speak("ANN", room).arrive()
    assert (joined["read"], joined["reads"]) == (5, {})
    ann.leave()
    joined = bob.ask("join", room=room)
    assert joined["users"] == ["Ann", "bob", "eve"]


def test_a_mark_only_grows(speak: Speak, room: str) -> None:
    bob, ann = present(speak, "bob", room), present(speak, "ann", room)
    for seq in (5, 3, 0, 5, 7):
        ann.send(type="read", room=room, seq=seq)
    told = bob.up_to(lambda event: event["type"] == "read" and event["seq"] == 7)
    assert reads(told) in ([("ann", 5), ("ann", 7)], [("ann", 7)])
    ann.send(type="read", room=room, seq=6)
    assert ann.ask("join", room=room)["read"] == 7


def test_the_highest_is_told_once_a_second_at_most(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room, said=30)
    bob = present(speak, "bob", room)
    began = time.monotonic()
    for seq in range(1, 31):
        ann.send(type="read", room=room, seq=seq)
        ann.fence(room)
    told = bob.up_to(lambda event: event["type"] == "read" and event["seq"] == 30)
    assert len(reads(told)) <= 2 + (time.monotonic() - began)
    assert reads(told) == sorted(reads(told))


def test_a_user_s_marks_are_of_all_its_connections(speak: Speak, room: str) -> None:
    one, two = present(speak, "ann", room), present(speak, "ann", room)
    one.send(type="read", room=room, seq=9)
    assert reads([two.first(is_type("read"))]) == [("ann", 9)]
    two.send(type="read", room=room, seq=4)
    assert two.ask("join", room=room)["read"] == 9


def test_a_mark_of_a_user_who_has_gone_is_kept_and_not_shown(speak: Speak, room: str) -> None:
    bob, ann = present(speak, "bob", room), present(speak, "ann", room)
    ann.send(type="read", room=room, seq=5)
    bob.first(is_type("read"))
    ann.leave()
    bob.first(has_left("ann"))
    assert bob.ask("join", room=room)["reads"] == {}
    (joined,) = speak("ann", room).arrive()
    assert joined["read"] == 5
    assert bob.ask("join", room=room)["reads"] == {"ann": 5}


def test_a_plain_connection_is_not_told_and_may_not_say(speak: Speak, server: ChatServer) -> None:
    ann, pia = present(speak, "ann", "general"), Chatter(server.url(), "pia")
    pia.arrive()
    ann.send(type="read", seq=3)
    assert ann.first(is_type("read"))["room"] == "general"
    assert pia.fence("after") == []
    pia.send(type="read", seq=3)
    assert "seq" not in pia.first(is_type("system"))
    pia.leave()


@pytest.mark.parametrize("seq", [None, -1, 1.5, "5", True, [], {}, 10**30, 2**53], ids=str)
def test_what_is_no_number_of_an_event_is_refused(speak: Speak, room: str, seq: object) -> None:
    ann = present(speak, "ann", room)
    ann.send(type="read", room=room, seq=seq)
    assert_error(ann.first(is_type("error")), "bad_request", room=room)
    assert ann.ask("join", room=room)["read"] == 0


def test_nobody_has_read_what_is_not_there(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room)
    head = ann.ask("join", room=room)["head"]
    ann.send(type="read", room=room, seq=head + 1)
    assert_error(ann.first(is_type("error")), "bad_request", room=room)
    ann.send(type="read", room=room, seq=head)
    assert ann.first(is_type("read"))["seq"] == head

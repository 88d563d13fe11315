"""Large rooms in version 2 (docs/reference/wire.md, promise 8): here four users are many."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.client import Event, is_type
from tests.support.server import ChatServer

from .speaker import Speaker

SIZE = 3

SETTINGS = (
    "--upgrade-rate",
    "0",
    "--message-rate",
    "0",
    "--typing-rate",
    "0",
    "--large-room-size",
    "3",
)

Speak = Callable[..., Speaker]


@pytest.fixture
def crowd(server: ChatServer, room: str) -> Iterator[list[Speaker]]:
    """A room of one more than make no crowd, who have read all that coming in has brought."""
    people = [Speaker(server.url(), f"p{number}", room) for number in range(SIZE + 1)]
    for somebody in people:
        somebody.arrive()
    yield people
    for somebody in people:
        somebody.leave()


def of_type(kind: str, events: list[Event]) -> list[Event]:
    """Give the events of a type."""
    return [event for event in events if event["type"] == kind]


def test_who_joins_is_shown_the_first_names_their_marks_and_the_whole_count(
    speak: Speak, crowd: list[Speaker], room: str
) -> None:
    head = crowd[0].ask("join", room=room)["head"]
    for somebody in crowd:
        somebody.send(type="read", room=room, seq=head)
        somebody.fence(room)
    (joined,) = speak("p9", room).arrive()
    assert joined["users"] == ["p0", "p1", "p2"]
    assert joined["count"] == SIZE + 2
    assert joined["reads"] == {"p0": head, "p1": head, "p2": head}
    joined = crowd[3].ask("join", room=room)
    assert joined["read"] == head


def test_coming_and_going_is_not_announced_or_logged_and_marks_are_not_told(
    speak: Speak, crowd: list[Speaker], room: str
) -> None:
    ann = crowd[0]
    ann.fence(room)
    head = ann.ask("join", room=room)["head"]
    bob = speak("bob", room)
    bob.arrive()
    bob.send(type="read", room=room, seq=head)
    bob.fence(room)
    assert bob.ask("join", room=room)["read"] == head
    bob.leave()
    carol = speak("carol", room)
    carol.arrive()
    told = ann.up_to(lambda e: e["type"] == "presence" and "carol" in e["online"])
    told += ann.fence(room)
    assert of_type("system", told) + of_type("read", told) == []
    history = ann.ask("history", room=room)["history"]
    assert [e["seq"] for e in history] == list(range(1, len(history) + 1))
    assert not [e for e in history if "bob" in e["message"] or "carol" in e["message"]]


def test_presence_goes_out_once_a_second_at_most_and_adds_up(
    speak: Speak, crowd: list[Speaker], room: str
) -> None:
    ann = crowd[0]
    ann.fence(room)
    began = time.monotonic()
    for number in range(20):
        speak(f"q{number}", room).arrive()
    goes = speak("goes", room)
    goes.arrive()
    goes.leave()
    told = ann.up_to(lambda e: e["type"] == "presence" and "q19" in e["online"])
    changes = of_type("presence", told)
    assert len(changes) <= 2 + (time.monotonic() - began)
    online = [name for change in changes for name in change["online"]]
    offline = [name for change in changes for name in change["offline"]]
    others = {"p3", "goes"}  # in a slow second, one who goes has been told
    assert {*online} - {*offline} - others == {f"q{number}" for number in range(20)}
    assert changes[-1]["count"] in {SIZE + 21, SIZE + 22}


def test_typing_is_told_once_a_second_at_most_in_all(crowd: list[Speaker], room: str) -> None:
    ann = crowd[0]
    ann.fence(room)
    began = time.monotonic()
    for number in range(30):
        crowd[number % 3 + 1].send(type="typing", room=room, isTyping=number % 2 == 0)
    for somebody in crowd[1:]:
        somebody.send(type="typing", room=room, isTyping=True)
        somebody.send(type="typing", room=room, isTyping=False)
        somebody.fence(room)
    told = of_type("typing", ann.fence(room))
    assert len(told) <= 1 + (time.monotonic() - began)


def test_a_message_and_its_changes_reach_everybody(crowd: list[Speaker], room: str) -> None:
    ann = crowd[0]
    said = ann.ask("message", room=room, message="hello")
    ann.ask("edit", room=room, id=said["id"], message="hello!")
    ann.ask("delete", room=room, id=said["id"])
    for somebody in crowd:
        told = somebody.up_to(is_type("deleted"))
        assert [event["type"] for event in told if event.get("username") == ann.name][-3:] == [
            *("message", "edited", "deleted"),
        ]

"""What was before, page by page, in version 2 (docs/reference/wire.md)."""

import json
from collections.abc import Callable, Iterator
from itertools import chain, pairwise

import pytest

from tests.support.client import Chatter, Event, is_type
from tests.support.server import ChatServer

from .speaker import EVENT_FIELDS, NO_LIMITS, Speaker, assert_error, seqs

SETTINGS = NO_LIMITS

ALSO_ON_SQLITE = True

Speak = Callable[..., Speaker]

MAX_BYTES = 256 * 1024

LAST = 120
"""The head of the room that most of these read."""


@pytest.fixture(scope="module")
def reader(server: ChatServer) -> Iterator[Speaker]:
    """Somebody who has said 119 things, behind the notice of its coming."""
    ann = Speaker(server.url(), "ann", "long")
    ann.arrive()
    for number in range(2, LAST + 1):
        ann.send(type="message", room="long", message=f"line {number}")
    ann.first(lambda event: event.get("seq") == LAST)
    yield ann
    ann.leave()


def page(reader: Speaker, **asked: object) -> tuple[list[int], bool]:
    """Give the numbers of a page's events, and whether there are more."""
    history = reader.ask("history", room="long", **asked)
    return seqs(history["history"]), history["more"]


def test_a_page_has_the_room_the_ref_and_events_as_they_came(reader: Speaker) -> None:
    history = reader.ask("history", room="long", limit=100, ref="r")
    assert history.keys() == {"type", "room", "history", "more", "time", "ref"}
    assert (history["type"], history["room"], history["ref"]) == ("history", "long", "r")
    for event in history["history"]:
        assert event.keys() == EVENT_FIELDS | {"username"}
        assert (event["type"], event["message"]) == ("message", f"line {event['seq']}")
    reader.send(type="history", room="long", limit=1)
    assert reader.next().keys() == {"type", "room", "history", "more", "time"}


def test_neither_before_nor_after_is_the_newest(reader: Speaker) -> None:
    assert page(reader) == (list(range(71, 121)), True)
    assert page(reader, limit=1) == ([120], True)
    assert page(reader, limit=100) == (list(range(21, 121)), True)
    assert page(reader, before=None, after=None, limit=None) == (list(range(71, 121)), True)


def test_before_is_exclusive_and_gives_the_newest(reader: Speaker) -> None:
    assert page(reader, before=100, limit=3) == ([97, 98, 99], True)
    assert page(reader, before=4, limit=3) == ([1, 2, 3], False)
    assert page(reader, before=5, limit=3) == ([2, 3, 4], True)
    assert page(reader, before=2) == ([1], False)
    assert page(reader, before=1) == ([], False)
    assert page(reader, before=0) == ([], False)
    assert page(reader, before=LAST + 1, limit=1) == ([120], True)
    assert page(reader, before=2**53 - 1, limit=1) == ([120], True)


def test_after_is_exclusive_and_gives_the_oldest(reader: Speaker) -> None:
    assert page(reader, after=0, limit=3) == ([1, 2, 3], True)
    assert page(reader, after=117, limit=3) == ([118, 119, 120], False)
    assert page(reader, after=116, limit=3) == ([117, 118, 119], True)
    assert page(reader, after=119) == ([120], False)
    assert page(reader, after=LAST) == ([], False)
    assert page(reader, after=2**53 - 1) == ([], False)
    assert page(reader, after=0) == (list(range(1, 51)), True)


NO_LIMIT: list[object] = [0, 101, -1, 2**53, 1.5, "5", True, [], {}]
NO_PLACES: list[object] = [-1, 1.5, "5", True, False, [], {}, 10**30, -(10**30)]


@pytest.mark.parametrize(
    "asked",
    [
        *({"limit": limit} for limit in NO_LIMIT),
        *({"before": before} for before in NO_PLACES),
        *({"after": after} for after in NO_PLACES),
        {"before": 5, "after": 3},
        {"room": 5},
        {"room": ["long"]},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_a_bad_request(reader: Speaker, asked: dict[str, object]) -> None:
    answer = reader.ask("history", ref="r", **({"room": "long"} | asked))
    meant = {} if "room" in asked else {"room": "long"}
    assert_error(answer, "bad_request", ref="r", **meant)
    assert page(reader, limit=1) == ([120], True)


def test_a_room_without_events_before_is_an_empty_page(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    ann.arrive()
    ann.fence(room)
    assert ann.ask("history", room=room, before=1)["history"] == []


def test_pages_of_large_messages_hold_256_kib_and_leave_nothing_out(
    speak: Speak, room: str
) -> None:
    ann = speak("ann", room)
    ann.arrive()
    for number in range(40):
        ann.send(type="message", room=room, message=f"{number}" + "\U0001f600" * 4000)
    ann.fence(room)
    last = 42
    back, forth = [], []
    asked: dict[str, object] = {"before": last + 1}
    while True:
        history = ann.ask("history", room=room, limit=100, **asked)
        back.append(history["history"])
        if not history["more"]:
            break
        asked = {"before": seqs(history["history"])[0]}
    asked = {"after": 0}
    while True:
        history = ann.ask("history", room=room, limit=100, **asked)
        forth.append(history["history"])
        if not history["more"]:
            break
        asked = {"after": seqs(history["history"])[-1]}
    everything = list(chain.from_iterable(forth))
    assert list(chain.from_iterable(reversed(back))) == everything
    assert seqs(everything) == list(range(1, last + 1))
    for pages in (back, forth):
        assert len(pages) > 2
        for each in pages:
            assert size(each) <= MAX_BYTES
        for one, other in pairwise(pages):
            assert size(one) + size(other) > MAX_BYTES
    (joined,) = [ann.ask("join", room=room)]
    assert size(joined["history"]) <= MAX_BYTES
    assert seqs(joined["history"])[-1] == joined["head"]
    assert joined["more"] is True


def size(events: list[Event]) -> int:
    """Give the bytes that events take as JSON."""
    return sum(
        len(json.dumps(e, ensure_ascii=False, separators=(",", ":")).encode()) for e in events
    )


def test_a_message_and_its_edits_carry_the_newest_text(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    ann.arrive()
    first = ann.ask("message", room=room, message="one")
    other = ann.ask("message", room=room, message="other")
    for text in ("two", "three"):
        ann.ask("edit", room=room, id=first["id"], message=text)
    history = ann.ask("history", room=room)["history"]
    assert seqs(history) == [1, 2, 3, 4, 5]
    _, message, untouched, *edits = history
    assert message.keys() == EVENT_FIELDS | {"username", "edited"}
    assert (message["id"], message["type"]) == (first["id"], "message")
    assert (untouched["id"], untouched["message"]) == (other["id"], "other")
    assert untouched.keys() == EVENT_FIELDS | {"username"}
    for each in (message, *edits):
        assert (each["message"], each["edited"]) == ("three", True)
    for each in edits:
        assert each.keys() == EVENT_FIELDS | {"username", "edited", "target"}
        assert (each["type"], each["target"]) == ("edited", first["id"])


def test_a_deleted_message_has_no_text_anywhere_and_keeps_its_place(
    speak: Speak, room: str
) -> None:
    ann = speak("ann", room)
    ann.arrive()
    first = ann.ask("message", room=room, message="a secret")
    ann.ask("edit", room=room, id=first["id"], message="another secret")
    ann.ask("delete", room=room, id=first["id"])
    (joined,) = [ann.ask("join", room=room)]
    for history in (ann.ask("history", room=room)["history"], joined["history"]):
        assert "secret" not in json.dumps(history)
        assert seqs(history) == [1, 2, 3, 4]
        _, message, edited, deleted = history
        for each in (message, edited):
            assert not each.get("message")
            assert each["deleted"] is True
            assert "edited" not in each
        assert edited["target"] == first["id"]
        assert (deleted["type"], deleted["target"]) == ("deleted", first["id"])
        assert deleted["message"] == ""


def test_a_plain_connection_is_shown_neither_what_is_deleted_nor_what_tells_of_a_change(
    speak: Speak, server: ChatServer
) -> None:
    ann = speak("ann", "general")
    ann.arrive()
    kept, gone = (ann.ask("message", message=text) for text in ("kept", "gone"))
    ann.ask("edit", id=kept["id"], message="kept, and edited")
    ann.ask("edit", id=gone["id"], message="gone, and edited")
    ann.ask("delete", id=gone["id"])
    pia = Chatter(server.url(), "pia")
    history = pia.first(is_type("history"))["history"]
    pia.leave()
    assert {event["type"] for event in history} == {"message", "system"}
    said = [e for e in history if e["type"] == "message" and e["seq"] >= kept["seq"]]
    assert [event["message"] for event in said] == ["kept, and edited"]
    assert said[0]["edited"] is True
    assert [event["id"] for event in said] == [kept["id"]]

"""Events that a history leaves out."""

import json
from collections.abc import Callable

import attrs
import pytest

from trio_chat.protocol.encode import MAX_HISTORY_BYTES, encode, encode_history, plain_events
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import History, Joined

NOON = 1_700_000_000_000


def event_of(size: int, seq: int) -> Event:
    """Return an event whose JSON has exactly this many bytes."""
    event = Event(seq, "id", "general", Kind.MESSAGE, "ann", "", NOON)
    return attrs.evolve(event, message="a" * (size - len(encode(event))))


def events_of(*sizes: int) -> tuple[Event, ...]:
    return tuple(event_of(size, seq) for seq, size in enumerate(sizes, 1))


def sent(frame: History | Joined) -> tuple[list[int], bool]:
    """Return the seqs of the sent events, and ``more``."""
    wire = json.loads(encode(frame))
    return [event["seq"] for event in wire["history"]], wire["more"]


def backward(*sizes: int, more: bool = False) -> History:
    return History("general", events_of(*sizes), more, NOON)


def forward(*sizes: int) -> History:
    return History("general", events_of(*sizes), more=False, ts=NOON, is_forward=True)


def joined(*sizes: int, recovered: bool = False) -> Joined:
    return Joined("general", "k", 1, 0, (), 0, {}, recovered, events_of(*sizes), more=False)


HALF = MAX_HISTORY_BYTES // 2


@pytest.mark.parametrize("frame", [backward, forward, joined])
def test_events_that_fit_are_sent(frame: Callable[..., History | Joined]) -> None:
    assert sent(frame(HALF, HALF)) == ([1, 2], False)


@pytest.mark.parametrize("frame", [backward, joined])
def test_newest_of_too_many_events_are_sent(frame: Callable[..., History | Joined]) -> None:
    assert sent(frame(200, HALF, HALF + 1)) == ([3], True)


def test_oldest_of_too_many_forward_events_are_sent() -> None:
    assert sent(forward(HALF + 1, HALF, 200)) == ([1], True)


def test_history_stops_at_the_first_event_that_does_not_fit() -> None:
    assert sent(backward(200, MAX_HISTORY_BYTES, 200)) == ([3], True)
    assert sent(forward(200, MAX_HISTORY_BYTES, 200)) == ([1], True)


def test_more_stays_true() -> None:
    assert sent(backward(200, more=True)) == ([1], True)


def test_shared_json_of_a_history_is_sent() -> None:
    encoded = encode_history(events_of(200, 300))
    frame = attrs.evolve(joined(200, 300, recovered=True), json=encoded)
    assert encode(frame) == encode(joined(200, 300, recovered=True))
    assert sent(attrs.evolve(frame, json=b'[{"seq":7}]')) == ([7], False)


@pytest.mark.parametrize(("last", "outcome"), [(HALF, True), (HALF + 1, False)])
def test_size_limit_is_exact(
    last: int,
    outcome: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert (encode_history(events_of(HALF, last)) is not None) is outcome


def test_plain_events_omit_deleted_messages_and_changes() -> None:
    message = Event(1, "a", "general", Kind.MESSAGE, "ann", "hi", NOON)
    edited = Event(2, "b", "general", Kind.MESSAGE, "ann", "ho", NOON, is_edited=True)
    deleted = Event(3, "c", "general", Kind.MESSAGE, "ann", "", NOON, is_deleted=True)
    edit = Event(4, "d", "general", Kind.EDITED, "ann", "ho", NOON, "b", is_edited=True)
    deletion = Event(5, "e", "general", Kind.DELETED, "ann", "", NOON, "c")
    notice = Event(6, "f", "general", Kind.LEFT, "bob", "bob has left the chat", NOON)
    damaged = Event(7, "g", "general", Kind.DAMAGED, None, "gone", NOON)
    events = (message, edited, deleted, edit, deletion, notice, damaged)
    assert plain_events(events) == (message, edited, notice, damaged)


def test_kept_json_of_an_event_is_sent() -> None:
    event = event_of(200, 1)
    event.encoded = b'{"seq":7}'
    assert sent(History("general", (event,), more=False, ts=NOON)) == ([7], False)


@pytest.mark.parametrize(("kept", "is_kept"), [(None, False), (b"", True)])
def test_json_of_a_shared_event_is_kept(
    kept: bytes | None,
    is_kept: bool,  # noqa: FBT001 - a row of the table
) -> None:
    event = Event(1, "a", "general", Kind.MESSAGE, "ann", "hi", NOON)
    event.encoded = kept
    assert encode_history([event]) is not None
    assert (event.encoded == encode(event)) is is_kept

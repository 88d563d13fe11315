import json
import time
from collections.abc import Iterator

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol import codec
from trio_chat.protocol.codec import MAX_HISTORY_BYTES, encode
from trio_chat.protocol.messages import (
    ErrorAnswer,
    Event,
    Frame,
    Heartbeat,
    History,
    Kind,
    Notice,
    Presence,
    Typing,
)

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TS = st.integers(0, 4_102_444_800_000)  # up to the year 2100
SEQ = st.integers(1, 2**53)

NOON = 1_700_000_000_000


def same_json(frame: Frame, expected: dict[str, object]) -> bool:
    """Whether another reader finds exactly these keys and JSON types: 1, 1.0 and true differ."""
    return _canonical(json.loads(encode(frame))) == _canonical(expected)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def clock_time(ts: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(ts // 1000))


@st.composite
def events(draw: st.DrawFn) -> tuple[Event, dict[str, object]]:
    """An event, and what it is on the wire."""
    username = draw(st.none() | UNICODE)
    kind = Kind.SYSTEM if username is None else Kind.MESSAGE
    event = Event(draw(SEQ), draw(UNICODE), draw(UNICODE), kind, username, draw(UNICODE), draw(TS))
    wire = {
        "id": event.id,
        "seq": event.seq,
        "room": event.room,
        "message": event.message,
        "time": clock_time(event.ts),
        "ts": event.ts,
    }
    if username is None:
        return event, {"type": "system", **wire}
    return event, {"type": "message", "username": username, **wire}


@given(pair=events())
def test_an_event_is_a_message_of_its_author_or_else_a_system_message(
    pair: tuple[Event, dict[str, object]],
) -> None:
    assert same_json(*pair)


@given(room=UNICODE, username=UNICODE, is_typing=st.booleans(), ts=TS)
def test_typing(
    room: str,
    username: str,
    is_typing: bool,  # noqa: FBT001 - hypothesis passes it by name
    ts: int,
) -> None:
    wire = {"type": "typing", "room": room, "username": username, "isTyping": is_typing}
    assert same_json(Typing(room, username, is_typing, ts), {**wire, "time": clock_time(ts)})


@given(room=UNICODE, users=st.lists(UNICODE, max_size=4), count=SEQ, ts=TS)
def test_presence(room: str, users: list[str], count: int, ts: int) -> None:
    wire = {"type": "presence", "room": room, "users": users, "count": count}
    assert same_json(Presence(room, tuple(users), count, ts), {**wire, "time": clock_time(ts)})


@given(room=UNICODE, pairs=st.lists(events(), max_size=4), more=st.booleans(), ts=TS)
def test_history(
    room: str,
    pairs: list[tuple[Event, dict[str, object]]],
    more: bool,  # noqa: FBT001 - hypothesis passes it by name
    ts: int,
) -> None:
    history = History(room, tuple(event for event, _ in pairs), more, ts)
    wire = {"type": "history", "room": room, "history": [event for _, event in pairs], "more": more}
    assert same_json(history, {**wire, "time": clock_time(ts)})


@given(ts=TS)
def test_heartbeat(ts: int) -> None:
    assert same_json(Heartbeat(ts), {"type": "heartbeat", "time": ts})


@given(room=UNICODE, message=UNICODE, ts=TS)
def test_a_notice_to_one_connection_has_no_id_and_no_seq(room: str, message: str, ts: int) -> None:
    wire = {"type": "system", "room": room, "message": message, "time": clock_time(ts), "ts": ts}
    assert same_json(Notice(room, message, ts), wire)


@given(code=UNICODE, message=UNICODE, retry_after_ms=st.integers(0, 2**53))
def test_error(code: str, message: str, retry_after_ms: int) -> None:
    wire = {"type": "error", "code": code, "message": message}
    assert same_json(ErrorAnswer(code, message), {**wire})
    waiting = ErrorAnswer(code, message, retry_after_ms)
    assert same_json(waiting, {**wire, "retryAfterMs": retry_after_ms})


@pytest.fixture
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose clock on the wall is 5:30 hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    codec._local_time.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    codec._local_time.cache_clear()


@pytest.mark.usefixtures("kolkata")
def test_time_is_the_servers_local_time() -> None:
    wire = json.loads(encode(Notice("general", "hi", 1_700_000_000_999)))
    assert wire["time"] == "03:43:20"  # 22:13:20 UTC


def event_of(size: int, seq: int) -> Event:
    """An event whose JSON has exactly this many bytes."""
    event = Event(seq, "id", "general", Kind.MESSAGE, "ann", "", NOON)
    return attrs.evolve(event, message="a" * (size - len(encode(event))))


def sent_history(*sizes: int, more: bool = False) -> tuple[list[int], bool]:
    """The seqs of the events that are sent of these sizes, and ``more``."""
    events = tuple(event_of(size, seq) for seq, size in enumerate(sizes, 1))
    wire = json.loads(encode(History("general", events, more, NOON)))
    return [event["seq"] for event in wire["history"]], wire["more"]


def test_a_history_that_just_fits_is_sent_whole() -> None:
    half = MAX_HISTORY_BYTES // 2
    assert sent_history(half, half) == ([1, 2], False)


def test_of_a_history_too_big_the_newest_events_are_sent_and_more_says_so() -> None:
    half = MAX_HISTORY_BYTES // 2
    assert sent_history(200, half, half + 1) == ([3], True)


def test_a_small_event_does_not_slip_past_a_big_one_that_did_not_fit() -> None:
    assert sent_history(200, MAX_HISTORY_BYTES, 200) == ([3], True)


def test_more_stays_true_where_there_is_more() -> None:
    assert sent_history(200, more=True) == ([1], True)

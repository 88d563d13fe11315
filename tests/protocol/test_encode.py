import json
import time
from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol import encode as encode_module
from trio_chat.protocol.encode import MAX_HISTORY_BYTES, encode, encode_history, plain_events
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import (
    Ack,
    ErrorAnswer,
    HasRead,
    Heartbeat,
    History,
    Joined,
    Limits,
    Notice,
    Presence,
    PresenceChange,
    Reconnect,
    ServerMessage,
    TokenEnds,
    Typing,
    Welcome,
)

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TS = st.integers(0, 4_102_444_800_000)  # up to the year 2100
SEQ = st.integers(1, 2**53)

NOON = 1_700_000_000_000


def canonical(value: object) -> str:
    """Tell 1, 1.0 and true apart, as another reader does."""
    return json.dumps(value, sort_keys=True)


def clock_time(ts: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(ts // 1000))


@st.composite
def events(draw: st.DrawFn) -> tuple[Event, dict[str, object]]:
    kind = draw(st.sampled_from(list(Kind)))
    is_change = kind in (Kind.EDITED, Kind.DELETED)
    event = Event(
        draw(SEQ),
        draw(UNICODE),
        draw(UNICODE),
        kind,
        None if kind is Kind.DAMAGED else draw(UNICODE),
        draw(UNICODE),
        draw(TS),
        draw(UNICODE) if is_change else None,
        draw(st.booleans()),
        draw(st.booleans()),
    )
    wire: dict[str, object] = {
        "type": kind.value if kind.value in {"message", "edited", "deleted"} else "system",
        "id": event.id,
        "seq": event.seq,
        "room": event.room,
        "message": event.message,
        "time": clock_time(event.ts),
        "ts": event.ts,
    }
    if kind is not Kind.DAMAGED:
        wire["username"] = event.username
    if kind in {Kind.JOINED, Kind.LEFT}:
        wire["kind"] = kind.value
    if is_change:
        wire["target"] = event.target
    if event.is_edited:
        wire["edited"] = True
    if event.is_deleted:
        wire["deleted"] = True
    return event, wire


@given(pair=events())
def test_event_has_the_fields_of_its_kind(pair: tuple[Event, dict[str, object]]) -> None:
    event, wire = pair
    assert canonical(json.loads(encode(event))) == canonical(wire)


EVENT = Event(44, "m44", "dev", Kind.MESSAGE, "ann", "hi", NOON)
WIRE_EVENT = json.loads(encode(EVENT))
TIME = {"time": clock_time(NOON)}

MESSAGES: list[tuple[ServerMessage, dict[str, object]]] = [
    (
        Typing("dev", "Ann", is_typing=True, ts=NOON),
        {"type": "typing", "room": "dev", "username": "Ann", "isTyping": True, **TIME},
    ),
    (
        Presence("dev", ("Ann", "Bob"), 7, NOON),
        {"type": "presence", "room": "dev", "users": ["Ann", "Bob"], "count": 7, **TIME},
    ),
    (
        PresenceChange("dev", ("Ann",), ("Bob",), 7, NOON),
        {
            "type": "presence",
            "room": "dev",
            "online": ["Ann"],
            "offline": ["Bob"],
            "count": 7,
            **TIME,
        },
    ),
    (
        History("dev", (EVENT,), more=True, ts=NOON),
        {"type": "history", "room": "dev", "history": [WIRE_EVENT], "more": True, **TIME},
    ),
    (
        History("dev", (), more=False, ts=NOON, is_forward=True, ref="r1"),
        {"type": "history", "room": "dev", "history": [], "more": False, "ref": "r1", **TIME},
    ),
    *(
        (
            Joined("dev", "k3", 44, 39, ("Ann",), 7, {"Ann": 9}, is_whole, (EVENT,), more, ref),
            {
                "type": "joined",
                "room": "dev",
                "epoch": "k3",
                "head": 44,
                "read": 39,
                "users": ["Ann"],
                "count": 7,
                "reads": {"Ann": 9},
                "recovered": is_whole,
                "history": [WIRE_EVENT],
                "more": more,
                **({} if ref is None else {"ref": ref}),
            },
        )
        for is_whole, more, ref in ((True, False, None), (False, True, "r1"))
    ),
    *(
        (
            Welcome(2, "Ann", "d-7f3a", Limits(65_536, 4096, rate, 20, 50, 500)),
            {
                "type": "welcome",
                "v": 2,
                "username": "Ann",
                "device": "d-7f3a",
                "limits": {
                    "frameBytes": 65_536,
                    "messageChars": 4096,
                    "ratePerSecond": sent,
                    "burst": 20,
                    "rooms": 50,
                    "resume": 500,
                },
            },
        )
        for rate, sent in ((10.0, 10), (0.5, 0.5))
    ),
    (
        HasRead("dev", "ann", "Ann", 7),
        {"type": "read", "room": "dev", "username": "Ann", "seq": 7},
    ),
    (Ack("r1"), {"type": "ack", "ref": "r1"}),
    *(
        (
            Ack("r1", "dev", "m44", 44, is_repeat),
            {"type": "ack", "ref": "r1", "room": "dev", "id": "m44", "seq": 44, "dup": is_repeat},
        )
        for is_repeat in (False, True)
    ),
    (TokenEnds(30_000), {"type": "auth", "expiresInMs": 30_000}),
    (Reconnect(1500), {"type": "reconnect", "afterMs": 1500}),
    (Heartbeat(NOON), {"type": "heartbeat", "time": NOON}),
    *(
        (Heartbeat(NOON, heads), {"type": "heartbeat", "time": NOON, "heads": heads})
        for heads in ({}, {"dev": 44})
    ),
    (
        Notice("dev", "hi", NOON),
        {"type": "system", "room": "dev", "message": "hi", "ts": NOON, **TIME},
    ),
    (ErrorAnswer("conflict", "no"), {"type": "error", "code": "conflict", "message": "no"}),
    (
        ErrorAnswer("conflict", "no", 0, "r1", "dev"),
        {
            "type": "error",
            "code": "conflict",
            "message": "no",
            "retryAfterMs": 0,
            "ref": "r1",
            "room": "dev",
        },
    ),
]


@pytest.mark.parametrize(("message", "wire"), MESSAGES, ids=lambda one: type(one).__name__)
def test_message_has_exactly_these_fields(message: ServerMessage, wire: dict[str, object]) -> None:
    assert canonical(json.loads(encode(message))) == canonical(wire)


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        time.tzset()
        encode_module._local_time.cache_clear()
        encode_module._east_of_utc.cache_clear()

    monkeypatch.setenv("TZ", request.param)
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("zone", "ts", "shown"),
    [
        ("Asia/Kolkata", 1_700_000_000_999, "03:43:20"),  # 22:13:20 UTC, and 5:30 hours ahead
        ("America/New_York", 1_700_000_000_999, "17:13:20"),
        # In the night when the clocks go back, the last second of the summer and the next one.
        ("Europe/Berlin", 1_698_541_199_000, "02:59:59"),
        ("Europe/Berlin", 1_698_541_200_000, "02:00:00"),
    ],
    indirect=["zone"],
)
@pytest.mark.usefixtures("zone")
def test_time_is_local_time(ts: int, shown: str) -> None:
    assert json.loads(encode(Notice("general", "hi", ts)))["time"] == shown


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

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol import encode as encode_module
from trio_chat.protocol.encode import encode
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


def same_json(frame: ServerMessage, expected: dict[str, object]) -> bool:
    """Whether another reader finds exactly these keys and JSON types: 1, 1.0 and true differ."""
    return _canonical(json.loads(encode(frame))) == _canonical(expected)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def clock_time(ts: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(ts // 1000))


@st.composite
def events(draw: st.DrawFn) -> tuple[Event, dict[str, object]]:
    """An event, and what it is on the wire."""
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


NAMES = st.lists(UNICODE, max_size=4).map(tuple)


@given(room=UNICODE, online=NAMES, offline=NAMES, count=SEQ, ts=TS)
def test_a_change_of_presence(
    room: str, online: tuple[str, ...], offline: tuple[str, ...], count: int, ts: int
) -> None:
    wire = {"type": "presence", "room": room, "online": online, "offline": offline}
    change = PresenceChange(room, online, offline, count, ts)
    assert same_json(change, {**wire, "count": count, "time": clock_time(ts)})


REFS = st.none() | UNICODE
PAIRS = st.lists(events(), max_size=4)


def with_ref(wire: dict[str, object], ref: str | None) -> dict[str, object]:
    return wire if ref is None else {**wire, "ref": ref}


@given(room=UNICODE, pairs=PAIRS, more=st.booleans(), ts=TS, is_forward=st.booleans(), ref=REFS)
def test_history(  # noqa: PLR0913 - hypothesis passes them by name
    *,
    room: str,
    pairs: list[tuple[Event, dict[str, object]]],
    more: bool,
    ts: int,
    is_forward: bool,
    ref: str | None,
) -> None:
    history = History(room, tuple(event for event, _ in pairs), more, ts, is_forward, ref)
    wire = {"type": "history", "room": room, "history": [event for _, event in pairs], "more": more}
    assert same_json(history, with_ref({**wire, "time": clock_time(ts)}, ref))


@given(
    users=NAMES,
    reads=st.dictionaries(UNICODE, SEQ, max_size=3),
    recovered=st.booleans(),
    pairs=PAIRS,
    more=st.booleans(),
    ref=REFS,
)
def test_joined(  # noqa: PLR0913 - hypothesis passes them by name
    *,
    users: tuple[str, ...],
    reads: dict[str, int],
    recovered: bool,
    pairs: list[tuple[Event, dict[str, object]]],
    more: bool,
    ref: str | None,
) -> None:
    history = tuple(event for event, _ in pairs)
    joined = Joined("dev", "k3", 44, 39, users, 7, reads, recovered, history, more, ref)
    wire: dict[str, object] = {
        "type": "joined",
        "room": "dev",
        "epoch": "k3",
        "head": 44,
        "read": 39,
        "users": users,
        "count": 7,
        "reads": reads,
        "recovered": recovered,
        "history": [event for _, event in pairs],
        "more": more,
    }
    assert same_json(joined, with_ref(wire, ref))


def test_welcome_has_the_limits() -> None:
    limits = Limits(65_536, 4096, 10.0, 20, 50, 500)
    assert encode(Welcome(2, "ann", "d-7f3a", limits)) == (
        b'{"type":"welcome","v":2,"username":"ann","device":"d-7f3a","limits":{'
        b'"frameBytes":65536,"messageChars":4096,"ratePerSecond":10,"burst":20,'
        b'"rooms":50,"resume":500}}'
    )


def test_fractional_rate_stays_fractional() -> None:
    wire = json.loads(encode(Welcome(2, "ann", "d", Limits(1, 1, 0.5, 1, 1, 1))))
    assert wire["limits"]["ratePerSecond"] == 0.5


@given(room=UNICODE, username=UNICODE, seq=SEQ)
def test_read(room: str, username: str, seq: int) -> None:
    wire = {"type": "read", "room": room, "username": username, "seq": seq}
    assert same_json(HasRead(room, "key", username, seq), wire)


@given(ref=UNICODE, room=UNICODE, identity=UNICODE, seq=SEQ, is_repeat=st.booleans())
def test_ack_of_an_event(*, ref: str, room: str, identity: str, seq: int, is_repeat: bool) -> None:
    wire = {"type": "ack", "ref": ref, "room": room, "id": identity, "seq": seq, "dup": is_repeat}
    assert same_json(Ack(ref, room, identity, seq, is_repeat), wire)


def test_ack_without_an_event_has_only_the_ref() -> None:
    assert encode(Ack("r1")) == b'{"type":"ack","ref":"r1"}'


def test_a_token_that_ends() -> None:
    assert encode(TokenEnds(30_000)) == b'{"type":"auth","expiresInMs":30000}'


def test_reconnect() -> None:
    assert encode(Reconnect(1500)) == b'{"type":"reconnect","afterMs":1500}'


@given(ts=TS)
def test_heartbeat(ts: int) -> None:
    assert same_json(Heartbeat(ts), {"type": "heartbeat", "time": ts})


@given(heads=st.dictionaries(UNICODE, SEQ, max_size=3))
def test_heartbeat_of_version_2_has_the_heads(heads: dict[str, int]) -> None:
    wire = {"type": "heartbeat", "time": NOON, "heads": heads}
    assert same_json(Heartbeat(NOON, heads), wire)


@given(room=UNICODE, message=UNICODE, ts=TS)
def test_notice_has_no_id_and_no_seq(room: str, message: str, ts: int) -> None:
    wire = {"type": "system", "room": room, "message": message, "time": clock_time(ts), "ts": ts}
    assert same_json(Notice(room, message, ts), wire)


@given(
    code=UNICODE,
    message=UNICODE,
    optional=st.fixed_dictionaries(
        {}, optional={"retryAfterMs": st.integers(0, 2**53), "ref": UNICODE, "room": UNICODE}
    ),
)
def test_error(code: str, message: str, optional: dict[str, Any]) -> None:
    waiting, ref, room = (optional.get(key) for key in ("retryAfterMs", "ref", "room"))
    wire = {"type": "error", "code": code, "message": message, **optional}
    assert same_json(ErrorAnswer(code, message, waiting, ref, room), wire)


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose clock on the wall goes as it does there."""

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

"""The encoding of envelopes, and refusals of invalid payloads."""

import orjson
import pytest

from trio_chat.cluster.envelope import (
    Ask,
    BadEnvelopeError,
    Counted,
    Envelope,
    EventsStored,
    NodeLeaving,
    NodeMessage,
    Ping,
    Snapshot,
    UserJoined,
    UserLeft,
    pack,
    unpack,
)
from trio_chat.hub.plan import Typed
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import HasRead

EVENTS = (
    Event(7, "a1", "general", Kind.MESSAGE, "ann", "hi 🎈", 1_700_000_000_000),
    Event(8, "a2", "general", Kind.JOINED, "Bob", "Bob has joined the chat", 1),
    Event(9, "a3", "general", Kind.EDITED, "ann", "ho", 2, target="a1"),
    Event(10, "a4", "dev", Kind.DELETED, "ann", "", 3, target="a1"),
)
HERE = UserJoined("general", "ann", "Ann", "s1")
COUNTED = Counted("ann", "192.0.2.1", 2)
READ = HasRead("general", "ann", "Ann", 12)
EMPTY = Envelope("n1", 1, (), "e1", 0)
ASKING = Envelope("n1", 1, (Ask("n2"),), "e1", 0)


@pytest.mark.parametrize(
    "message",
    [
        EventsStored(EVENTS),
        HERE,
        UserLeft("general", "ann", is_announced=True),
        COUNTED,
        Typed("general", "ann", "Ann", is_typing=True),
        HasRead("general", "ann", "Ann", 12),
        Snapshot((HERE,), (COUNTED,), (READ,), is_first=True, is_last=False),
        Ask("n2"),
        Ping("n2"),
        NodeLeaving(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_unpack_reverses_pack(message: NodeMessage) -> None:
    envelope = Envelope("n1", 3, (message, message), "e1", 1_700_000_000_000)
    assert unpack(pack(envelope)) == envelope


def test_an_empty_envelope_is_valid() -> None:
    assert unpack(pack(EMPTY)) == EMPTY


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        b'{"format":4,"node":"a","number":1,"messages":[],"epoch":"e","ts":0}',
        b'{"format":3}',
        b'{"format":3,"node":"a","number":1,"messages":[]}',
        b'{"format":3,"node":"a","number":1,"messages":[],"epoch":null,"ts":0}',
        b'{"format":3,"node":"a","number":1,"messages":[],"epoch":"e","ts":0.5}',
        b'{"format":3,"epoch":"e","ts":0,"node":7,"number":1,"messages":[]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":"1","messages":[]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":true,"messages":[]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":4}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[4]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{}]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{"is":[]}]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{"is":"unknown"}]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{"is":"ask"}]}',
        b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{"is":"eventsstored","events":[{"seq":1}]}]}',
    ],
)
def test_unpack_refuses_invalid_payloads(payload: bytes) -> None:
    with pytest.raises(BadEnvelopeError):
        unpack(payload)


def test_unpack_stops_at_the_first_invalid_message() -> None:
    with pytest.raises(BadEnvelopeError) as refused:
        unpack(b'{"format":3,"epoch":"e","ts":0,"node":"a","number":1,"messages":[{},{},{}]}')
    assert not isinstance(refused.value.__cause__, BaseExceptionGroup)


def test_unpack_skips_unknown_keys() -> None:
    data = orjson.loads(pack(ASKING))
    data["later"] = 1
    data["messages"][0]["later"] = 2
    assert unpack(orjson.dumps(data)) == ASKING

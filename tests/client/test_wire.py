import json
from typing import Any

import pytest

from tests.protocol.test_encode import MESSAGES
from trio_chat.client.errors import WireError
from trio_chat.client.events import Deleted, Edited, Message, Notice, PresenceChanged, Read, Typing
from trio_chat.client.wire import HistoryMessage, JoinedMessage, parse, write
from trio_chat.protocol.commands import Hello, ReadHistory, SetTyping, Since
from trio_chat.protocol.messages import (
    Ack,
    ErrorAnswer,
    Heartbeat,
    Reconnect,
    TokenEnds,
    Welcome,
)

LOGGED = {"id": "a1", "seq": 3, "room": "dev", "time": "12:00:00", "ts": 7}
SHARED = (Welcome, Ack, ErrorAnswer, Heartbeat, TokenEnds, Reconnect)
"""The messages that the client parses into the classes of the server."""
TEXT = {"username": "ann", "message": "hi", **LOGGED}
JOINED = {
    "type": "joined",
    "room": "dev",
    "epoch": "k",
    "head": 3,
    "read": 2,
    "users": ["ann"],
    "count": 1,
    "reads": {"bob": 1},
    "recovered": True,
    "more": False,
    "history": [{"type": "system", "message": "hello", **LOGGED}],
}
HISTORY = (Notice("a1", 3, "dev", "hello", 7),)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"type": "message", **TEXT}, Message("a1", 3, "dev", "ann", "hi", 7)),
        (
            {"type": "message", "edited": True, **TEXT},
            Message("a1", 3, "dev", "ann", "hi", 7, is_edited=True),
        ),
        (
            {"type": "message", "deleted": True, **TEXT},
            Message("a1", 3, "dev", "ann", "hi", 7, is_deleted=True),
        ),
        ({"type": "system", "message": "hi", **LOGGED}, Notice("a1", 3, "dev", "hi", 7)),
        (
            {"type": "system", "kind": "left", **TEXT},
            Notice("a1", 3, "dev", "hi", 7, "left", "ann"),
        ),
        (
            {"type": "edited", "target": "a0", **TEXT},
            Edited("a1", 3, "dev", "ann", "a0", "hi", 7),
        ),
        ({"type": "deleted", "target": "a0", **TEXT}, Deleted("a1", 3, "dev", "ann", "a0", 7)),
        (
            JOINED,
            JoinedMessage(
                *("dev", "k", 3, 2, ("ann",), 1, {"bob": 1}),
                recovered=True,
                history=HISTORY,
                more=False,
            ),
        ),
        (
            {"type": "history", "room": "dev", "history": [], "more": True, "ref": "r"},
            HistoryMessage("dev", (), more=True, ref="r"),
        ),
        (
            {"type": "presence", "room": "dev", "online": ["ann"], "offline": [], "count": 1},
            PresenceChanged("dev", ("ann",), (), 1),
        ),
        (
            {"type": "typing", "room": "dev", "username": "ann", "isTyping": True},
            Typing("dev", "ann", is_typing=True),
        ),
        ({"type": "read", "room": "dev", "username": "ann", "seq": 3}, Read("dev", "ann", 3)),
        *((wire, message) for message, wire in MESSAGES if isinstance(message, SHARED)),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_each_message_of_the_server_is_parsed(message: dict[str, Any], meaning: object) -> None:
    assert parse(json.dumps(message)) == meaning
    assert parse(json.dumps({**message, "news": 5})) == meaning, "unknown keys are passed over"


def test_an_unknown_type_is_ignored() -> None:
    assert parse('{"type":"weather","sunny":true}') is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"type":5}',
        '{"type":"ack"}',
        '{"type":"message","seq":"many"}',
        '{"type":"presence","online":5}',
        '{"type":"history","room":"dev","history":[{"type":"weather"}],"more":false}',
        '{"type":"history","room":"dev","history":[5],"more":false}',
    ],
)
def test_an_invalid_message_is_an_error(text: str) -> None:
    with pytest.raises(WireError):
        parse(text)


def test_empty_fields_are_not_written() -> None:
    hello = Hello(2, "ann", "d", {"general": Since(3, "k"), "dev": Since()})
    assert json.loads(write(hello)) == {
        "type": "hello",
        "v": 2,
        "username": "ann",
        "device": "d",
        "rooms": {"general": {"since": 3, "epoch": "k"}, "dev": {}},
    }
    typing = {"type": "typing", "isTyping": False, "room": "dev"}
    assert json.loads(write(SetTyping(is_typing=False, room="dev"))) == typing
    assert json.loads(write(ReadHistory("dev", after=0, ref="r"))) == {
        "type": "history",
        "room": "dev",
        "after": 0,
        "limit": 50,
        "ref": "r",
    }

"""Every cell of the session's table: which command may be sent in which state."""

import json

import pytest

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    ReadMarker,
    RefreshToken,
    SendMessage,
    SetTyping,
)
from trio_chat.protocol.decode import COMMANDS
from trio_chat.protocol.session import Session, State

FIRST_FRAMES = {
    State.NAMELESS: None,
    State.PLAIN: "ann",
    State.VERSION_2: '{"type":"hello","v":2,"username":"ann"}',
}

OBJECTS: dict[str, dict[str, object]] = {
    "message": {"message": " hi ", "ref": "r1"},
    "typing": {"isTyping": True},
    "join": {"room": "dev", "since": 41, "epoch": "k3", "ref": "r1"},
    "leave": {"room": "general", "ref": "r1"},
    "history": {"before": 9, "limit": 5, "ref": "r1"},
    "read": {"seq": 7},
    "edit": {"id": "m1", "message": " ho ", "ref": "r1"},
    "delete": {"id": "m1", "ref": "r1"},
    "auth": {"token": "t", "ref": "r1"},
}

MEANINGS: dict[State, dict[str, Command]] = {
    State.NAMELESS: {},
    State.PLAIN: {
        "message": SendMessage("hi", "general"),
        "typing": SetTyping(is_typing=True, room="general"),
    },
    State.VERSION_2: {
        "message": SendMessage("hi", "general", "r1"),
        "typing": SetTyping(is_typing=True, room="general"),
        "join": JoinRoom("dev", 41, "k3", "r1"),
        "leave": LeaveRoom("general", "r1"),
        "history": ReadHistory("general", 9, None, 5, "r1"),
        "read": ReadMarker(7, "general"),
        "edit": EditMessage("m1", "ho", "general", "r1"),
        "delete": DeleteMessage("m1", "general", "r1"),
        "auth": RefreshToken("t", "r1"),
    },
}
"""What is not here is refused."""


def begun(state: State) -> Session:
    session = Session("general", 12, 3)
    first = FIRST_FRAMES[state]
    if first is not None:
        session.receive(first)
    assert session.state is state
    return session


@pytest.mark.parametrize("kind", [*COMMANDS, "hello", "dance"])
@pytest.mark.parametrize("state", State)
def test_each_command_in_each_state(state: State, kind: str) -> None:
    session = begun(state)
    text = json.dumps({"v": 3, **OBJECTS.get(kind, {}), "type": kind})
    meaning = MEANINGS[state].get(kind)
    if meaning is not None:
        assert session.receive(text) == meaning
        return
    with pytest.raises(CommandError) as caught:
        session.receive(text)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    assert session.state is state


@pytest.mark.parametrize("kind", sorted(set(COMMANDS) - set(MEANINGS[State.PLAIN])))
def test_plain_connection_learns_that_a_type_is_not_allowed(kind: str) -> None:
    with pytest.raises(CommandError, match="This connection cannot send this type"):
        begun(State.PLAIN).receive(json.dumps({**OBJECTS[kind], "type": kind}))


@pytest.mark.parametrize("text", ["hi", "", " ", "[]", '"hi"', "\0"], ids=ascii)
def test_version_2_accepts_only_objects(text: str) -> None:
    with pytest.raises(CommandError) as caught:
        begun(State.VERSION_2).receive(text)
    assert caught.value.code is ErrorCode.BAD_REQUEST

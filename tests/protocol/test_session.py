"""The table of states and commands, and plain connections."""

import json

import pytest

from tests.access.test_names import BAD_NAMES
from tests.protocol.test_names import BAD_ROOMS
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    COMMANDS,
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
    Since,
)
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Enter, Session
from trio_chat.settings import Settings

SETTINGS = Settings(max_message_chars=12, max_rooms=3)

FIRST = {
    "NAMELESS": None,
    "PLAIN": "ann",
    "VERSION_2": '{"type":"hello","v":2,"username":"ann"}',
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

ACCEPTED: dict[str, dict[str, Command]] = {
    "NAMELESS": {},
    "PLAIN": {
        "message": SendMessage("hi", "general"),
        "typing": SetTyping(is_typing=True, room="general"),
    },
    "VERSION_2": {
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

ANN = Name("Ann Lee", "ann lee")
HERE = {"general": Since()}


def begun(state: str, proven: Name | None = None) -> Session:
    session = Session(SETTINGS, proven)
    first = FIRST[state]
    if first is not None:
        session.receive(first)
    assert session.state is getattr(Session, state)
    return session


def outcome(session: Session, text: str) -> Enter | Command | ErrorCode:
    try:
        return session.receive(text)
    except CommandError as error:
        return error.code


@pytest.mark.parametrize("kind", [*COMMANDS, "hello", "dance"])
@pytest.mark.parametrize("state", FIRST)
def test_each_command_in_each_state(state: str, kind: str) -> None:
    session = begun(state)
    text = json.dumps({"v": 3, **OBJECTS.get(kind, {}), "type": kind})
    assert outcome(session, text) == ACCEPTED[state].get(kind, ErrorCode.BAD_REQUEST)
    assert session.state is getattr(Session, state)


@pytest.mark.parametrize("kind", sorted(set(COMMANDS) - set(ACCEPTED["PLAIN"])))
def test_plain_connection_learns_that_a_type_is_not_allowed(kind: str) -> None:
    with pytest.raises(CommandError, match="This connection cannot send this type"):
        begun("PLAIN").receive(json.dumps({**OBJECTS[kind], "type": kind}))


def test_version_2_accepts_only_objects() -> None:
    assert outcome(begun("VERSION_2"), "hi") is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" \u3000hi\n", SendMessage("hi", "general")),
        ("\n{}", SendMessage("{}", "general")),
        ('{"message":" hi "}', SendMessage("hi", "general")),
        ('{"message":"hi","room":"general","type":"message"}', SendMessage("hi", "general")),
        ('{"message":"hi","ref":" no ref "}', SendMessage("hi", "general")),
        ('{"type":"typing","isTyping":false}', SetTyping(is_typing=False, room="general")),
        ("", ErrorCode.BAD_REQUEST),
        (" \n", ErrorCode.BAD_REQUEST),
        ("a" * 13, ErrorCode.TOO_LARGE),
        ('{"message":"","room":"dev"}', ErrorCode.BAD_REQUEST),  # the text is checked first
        ('{"message":"hi","room":"dev"}', ErrorCode.NOT_JOINED),
        ('{"message":"hi","room":"general "}', ErrorCode.NOT_JOINED),
        ('{"type":"typing","isTyping":true,"room":"dev"}', ErrorCode.NOT_JOINED),
        ("{", ErrorCode.BAD_REQUEST),
        ('{"message":"a\\ud800"}', ErrorCode.BAD_REQUEST),
        ('{"type":"hello","v":2,"username":"ann"}', ErrorCode.BAD_REQUEST),
    ],
)
def test_plain_connection_sends_texts_and_objects(text: str, expected: Command | ErrorCode) -> None:
    session = begun("PLAIN")
    assert outcome(session, text) == expected
    assert session.state is Session.PLAIN


@pytest.mark.parametrize("raw", [*BAD_NAMES, "{", '{"message":"hi"}'], ids=ascii)
def test_invalid_first_message_leaves_the_client_without_a_name(raw: str) -> None:
    session = begun("NAMELESS")
    assert outcome(session, raw) is ErrorCode.BAD_REQUEST
    assert session.state is Session.NAMELESS
    assert outcome(session, " Ann") == Enter(Name("Ann", "ann"), HERE)
    assert session.rooms == {"general"}


def with_token(first: str, *, is_version_2: bool) -> tuple[Session, Enter | Command | ErrorCode]:
    """Begin a session with Ann's token, and this name in the first message."""
    session = begun("NAMELESS", ANN)
    hello = json.dumps({"type": "hello", "v": 2, "username": first or None})
    return session, outcome(session, hello if is_version_2 else first)


@pytest.mark.parametrize("is_version_2", [False, True])
@pytest.mark.parametrize("first", ["", "Ann Lee", "ann lee", "  ANN   Lee "])
def test_client_with_a_token_may_omit_its_name(first: str, *, is_version_2: bool) -> None:
    _, entered = with_token(first, is_version_2=is_version_2)
    assert entered == Enter(ANN, HERE, is_version_2)


@pytest.mark.parametrize("is_version_2", [False, True])
def test_client_with_a_token_may_use_no_other_name(*, is_version_2: bool) -> None:
    session, refused = with_token("bob", is_version_2=is_version_2)
    assert refused is ErrorCode.FORBIDDEN
    assert session.state is Session.NAMELESS


def new() -> Session:
    return Session(SETTINGS)


def hello(**fields: object) -> str:
    return json.dumps({"type": "hello", "v": 2, **fields})


def refusal(session: Session, text: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        session.receive(text)
    assert session.state is Session.NAMELESS
    assert not session.rooms
    return caught.value


def test_hello_with_a_device_and_rooms() -> None:
    session = new()
    text = hello(username=" Ann ", device="d-1", rooms={"a": {"since": 41, "epoch": "k3"}, "b": {}})
    rooms = {"a": Since(41, "k3"), "b": Since()}
    expected = Enter(Name("Ann", "ann"), rooms, is_version_2=True, device="d-1")
    assert session.receive(text) == expected
    assert session.state is Session.VERSION_2
    assert session.rooms == {"a", "b"}


@pytest.mark.parametrize("fields", [{}, {"rooms": {}}, {"rooms": None}], ids=str)
def test_hello_without_rooms_enters_the_default_room(fields: dict[str, object]) -> None:
    session = new()
    expected = Enter(Name("ann", "ann"), HERE, is_version_2=True, device=None)
    assert session.receive(hello(username="ann", **fields)) == expected
    assert session.rooms == {"general"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(({"username": raw}, "The name ") for raw in BAD_NAMES if raw.isprintable()),
        *(
            ({"rooms": {"dev": {}, room: {}}}, "A room must be 1 to 64 of")
            for room in BAD_ROOMS
            if isinstance(room, str)
        ),
        *(
            ({"device": device}, "A device must be 1 to 64 visible ASCII characters")
            for device in ("", "d 1", "d" * 65, "\u00e4")
        ),
        ({"rooms": {room: {} for room in "abcd"}}, "A connection may be in at most 3 rooms"),
    ],
    ids=ascii,
)
def test_one_invalid_part_refuses_the_hello(fields: dict[str, object], message: str) -> None:
    session = new()
    error = refusal(session, hello(**{"username": "ann", **fields}))
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message.startswith(message)
    assert session.receive(hello(username="ann")) == Enter(
        Name("ann", "ann"), HERE, is_version_2=True
    )

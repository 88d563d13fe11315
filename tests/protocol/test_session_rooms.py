"""Version 2 after the first message: rooms, refs and bounds."""

import json

import attrs
import pytest

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import COMMANDS, Command, JoinRoom, ReadHistory
from trio_chat.protocol.decode import LARGE_CHARS, MAX_WHOLE
from trio_chat.protocol.session import Enter, Session
from trio_chat.settings import Settings

MAX_CHARS = 12
REF = "r1"

# The keys that each command needs besides `room` and `ref`, if it may have those.
IN_ROOM: dict[str, dict[str, object]] = {
    "message": {"message": "hi"},
    "typing": {"isTyping": True},
    "leave": {},
    "history": {},
    "read": {"seq": 1},
    "edit": {"id": "m1", "message": "hi"},
    "delete": {"id": "m1"},
}
WITH_REF: dict[str, dict[str, object]] = {
    **{
        kind: {"room": "general", **IN_ROOM[kind]}
        for kind in sorted(IN_ROOM.keys() - {"typing", "read"})
    },
    "join": {"room": "dev"},
    "auth": {"token": "t"},
}


def begun(*rooms: str) -> Session:
    session = Session(Settings(max_message_chars=MAX_CHARS, max_rooms=3))
    hello = {"type": "hello", "v": 2, "username": "ann", "rooms": {room: {} for room in rooms}}
    session.receive(json.dumps(hello))
    return session


def receive(session: Session, kind: str, **fields: object) -> Enter | Command:
    return session.receive(json.dumps({"type": kind, **fields}))


def refusal(session: Session, kind: str, **fields: object) -> CommandError:
    rooms = set(session.rooms)
    with pytest.raises(CommandError) as caught:
        receive(session, kind, **fields)
    assert session.rooms == rooms
    return caught.value


def test_these_tests_cover_every_room_and_ref() -> None:
    fields = {
        kind: {field.name for field in attrs.fields(command)} for kind, command in COMMANDS.items()
    }
    assert {kind for kind, names in fields.items() if "ref" in names} == set(WITH_REF)
    assert {kind for kind, names in fields.items() if "room" in names} - {"join"} == set(IN_ROOM)


@pytest.mark.parametrize("kind", IN_ROOM)
def test_commands_need_a_joined_room(kind: str) -> None:
    session = begun()
    error = refusal(session, kind, **IN_ROOM[kind], room="dev")
    assert (error.code, error.room) == (ErrorCode.NOT_JOINED, "dev")
    session.rooms.add("dev")
    assert getattr(receive(session, kind, **IN_ROOM[kind], room="dev"), "room", None) == "dev"
    assert session.rooms == {"general", "dev"}


@pytest.mark.parametrize("kind", sorted(IN_ROOM.keys() - {"leave"}))
def test_default_room_must_be_joined_too(kind: str) -> None:
    error = refusal(begun("dev"), kind, **IN_ROOM[kind])
    assert (error.code, error.room) == (ErrorCode.NOT_JOINED, "general")


@pytest.mark.parametrize("kind", IN_ROOM)
def test_invalid_room_is_not_joined_and_not_repeated(kind: str) -> None:
    error = refusal(begun(), kind, **IN_ROOM[kind], room="General")
    assert (error.code, error.room) == (ErrorCode.NOT_JOINED, None)


def test_invalid_room_cannot_be_joined() -> None:
    error = refusal(begun(), "join", room="General", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.BAD_REQUEST, REF, None)
    assert error.message.startswith("A room must be 1 to 64 of")


def test_number_of_rooms_is_limited() -> None:
    session = begun("a", "b")
    assert receive(session, "join", room="c") == JoinRoom("c")
    session.rooms.add("c")
    error = refusal(session, "join", room="d", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.LIMIT_EXCEEDED, REF, "d")
    assert receive(session, "join", room="a", since=3, epoch="k") == JoinRoom("a", 3, "k")


@pytest.mark.parametrize("kind", WITH_REF)
@pytest.mark.parametrize("ref", ["", "r 1", "r" * 65, "\u00e4"], ids=ascii)
def test_invalid_ref_is_refused_and_not_repeated(kind: str, ref: str) -> None:
    error = refusal(begun(), kind, **WITH_REF[kind], ref=ref)
    assert (error.code, error.ref) == (ErrorCode.BAD_REQUEST, None)
    assert error.message == "A ref must be 1 to 64 visible ASCII characters"
    assert error.room == WITH_REF[kind].get("room")


@pytest.mark.parametrize("kind", WITH_REF)
@pytest.mark.parametrize("ref", [None, "!", "~" * 64])
def test_command_keeps_its_ref(kind: str, ref: str | None) -> None:
    command = receive(begun(), kind, **WITH_REF[kind], ref=ref)
    assert getattr(command, "ref", "no field") == ref


def test_error_names_the_default_room() -> None:
    error = refusal(begun(), "message", message="", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.BAD_REQUEST, REF, "general")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.BAD_REQUEST),
        ("a\0", ErrorCode.BAD_REQUEST),
        ("a" * (MAX_CHARS + 1), ErrorCode.TOO_LARGE),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", ["message", "edit"])
def test_texts_of_messages_and_edits_are_checked(kind: str, text: str, code: ErrorCode) -> None:
    assert refusal(begun(), kind, id="m1", message=text).code is code


@pytest.mark.parametrize("kind", ["edit", "delete"])
@pytest.mark.parametrize("target", ["", "m 1", "m" * 65, "\0"], ids=ascii)
def test_invalid_message_id_is_not_found(kind: str, target: str) -> None:
    error = refusal(begun(), kind, id=target, message="a", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.NOT_FOUND, REF, "general")


@pytest.mark.parametrize("limit", [1, 100])
def test_page_has_1_to_100_events(limit: int) -> None:
    expected = ReadHistory("general", None, MAX_WHOLE, limit)
    assert receive(begun(), "history", after=MAX_WHOLE, limit=limit) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit": 0}, "The limit must be 1 to 100"),
        ({"limit": 101}, "The limit must be 1 to 100"),
        ({"before": 5, "after": 0}, "Give either before or after, not both"),
    ],
)
def test_other_bounds_of_a_page_are_refused(fields: dict[str, object], message: str) -> None:
    error = refusal(begun(), "history", **fields, ref=REF)
    assert (error.code, error.ref, error.message) == (ErrorCode.BAD_REQUEST, REF, message)


def test_history_defaults_to_50_newest_events() -> None:
    assert receive(begun(), "history") == ReadHistory("general", None, None, 50)


@pytest.mark.parametrize(
    ("size", "code"), [(LARGE_CHARS, ErrorCode.BAD_REQUEST), (LARGE_CHARS + 1, ErrorCode.TOO_LARGE)]
)
def test_only_large_messages_are_refused_by_shape(size: int, code: ErrorCode) -> None:
    with pytest.raises(CommandError) as caught:
        begun().receive("{".ljust(size, ","))
    assert caught.value.code is code

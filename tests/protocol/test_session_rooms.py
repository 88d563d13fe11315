"""Version 2 behind the first frame: rooms, refs and bounds."""

import json
from contextlib import suppress

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    Command,
    EditMessage,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    SendMessage,
)
from trio_chat.protocol.decode import COMMANDS, LARGE_CHARS, MAX_WHOLE
from trio_chat.protocol.session import Enter, Session

MAX_ROOMS = 3
MAX_CHARS = 12
REF = "r1"

ROOMS = st.sampled_from(["general", "a", "b", "c", "d"])

# What each command that may have them needs besides `room` and `ref`.
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
    session = Session("general", MAX_CHARS, MAX_ROOMS)
    hello = {"type": "hello", "v": 2, "username": "ann", "rooms": {room: {} for room in rooms}}
    session.receive(json.dumps(hello))
    return session


def receive(session: Session, kind: str, **fields: object) -> Enter | Command:
    return session.receive(json.dumps({"type": kind, **fields}))


def refusal(session: Session, kind: str, **fields: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        receive(session, kind, **fields)
    return caught.value


class Wandering(RuleBasedStateMachine):
    """A client that joins and leaves, against a model that is a set of rooms."""

    @initialize(rooms=st.sets(ROOMS, max_size=MAX_ROOMS))
    def say_hello(self, rooms: set[str]) -> None:
        self.session = begun(*rooms)
        self.rooms = rooms or {"general"}

    @invariant()
    def it_is_where_it_is(self) -> None:
        assert self.session.rooms == self.rooms
        assert len(self.rooms) <= MAX_ROOMS

    @rule(room=ROOMS)
    def joins(self, room: str) -> None:
        if len(self.rooms | {room}) <= MAX_ROOMS:
            assert receive(self.session, "join", room=room) == JoinRoom(room)
            self.session.entered(room)
            self.rooms.add(room)
        else:
            error = refusal(self.session, "join", room=room, ref=REF)
            assert (error.code, error.ref, error.room) == (ErrorCode.LIMIT_EXCEEDED, REF, room)

    @rule(room=ROOMS)
    def leaves(self, room: str) -> None:
        if room in self.rooms:
            assert receive(self.session, "leave", room=room) == LeaveRoom(room)
            self.session.left(room)
            self.rooms.remove(room)
        else:
            error = refusal(self.session, "leave", room=room, ref=REF)
            assert (error.code, error.ref, error.room) == (ErrorCode.NOT_JOINED, REF, room)

    @rule(room=ROOMS, kind=st.sampled_from(["join", "leave"]))
    def is_where_it_was_until_its_owner_says_so(self, room: str, kind: str) -> None:
        with suppress(CommandError):
            receive(self.session, kind, room=room)

    @rule(room=ROOMS)
    def does_not_come_in_after_all(self, room: str) -> None:
        self.session.left(room)
        self.rooms.discard(room)

    @rule(room=ROOMS)
    def says_something(self, room: str) -> None:
        if room in self.rooms:
            assert receive(self.session, "message", message="a", room=room) == SendMessage(
                "a", room
            )
        else:
            error = refusal(self.session, "message", message="a", room=room)
            assert (error.code, error.room) == (ErrorCode.NOT_JOINED, room)

    @rule()
    def says_something_without_a_room(self) -> None:
        if "general" in self.rooms:
            assert receive(self.session, "message", message="a") == SendMessage("a", "general")
        else:
            error = refusal(self.session, "message", message="a")
            assert (error.code, error.room) == (ErrorCode.NOT_JOINED, "general")


TestWandering = Wandering.TestCase
TestWandering.settings = settings(stateful_step_count=20)


@pytest.mark.parametrize("kind", IN_ROOM)
def test_commands_need_a_joined_room(kind: str) -> None:
    error = refusal(begun(), kind, **IN_ROOM[kind], room="dev")
    assert (error.code, error.room) == (ErrorCode.NOT_JOINED, "dev")


@pytest.mark.parametrize("kind", IN_ROOM)
def test_invalid_room_is_not_joined_and_not_repeated(kind: str) -> None:
    error = refusal(begun(), kind, **IN_ROOM[kind], room="General")
    assert (error.code, error.room) == (ErrorCode.NOT_JOINED, None)


def test_invalid_room_cannot_be_joined() -> None:
    session = begun()
    error = refusal(session, "join", room="General", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.BAD_REQUEST, REF, None)
    assert error.message.startswith("A room must be 1 to 64 of")
    assert session.rooms == {"general"}


def test_full_client_may_join_its_room_again() -> None:
    session = begun("a", "b", "c")
    assert receive(session, "join", room="a", since=3, epoch="k") == JoinRoom("a", 3, "k")
    assert session.rooms == {"a", "b", "c"}


def test_these_tests_cover_every_room_and_ref() -> None:
    fields = {
        kind: {field.name for field in attrs.fields(command)} for kind, command in COMMANDS.items()
    }
    assert {kind for kind, names in fields.items() if "ref" in names} == set(WITH_REF)
    assert {kind for kind, names in fields.items() if "room" in names} - {"join"} == set(IN_ROOM)


@pytest.mark.parametrize("kind", WITH_REF)
@pytest.mark.parametrize("ref", ["", "r 1", "r" * 65, "\u00e4"], ids=ascii)
def test_invalid_ref_is_refused_and_not_repeated(kind: str, ref: str) -> None:
    session = begun()
    error = refusal(session, kind, **WITH_REF[kind], ref=ref)
    assert (error.code, error.ref) == (ErrorCode.BAD_REQUEST, None)
    assert error.message == "A ref must be 1 to 64 visible ASCII characters"
    assert session.rooms == {"general"}


@pytest.mark.parametrize("kind", WITH_REF)
@pytest.mark.parametrize("ref", [None, "!", "~" * 64])
def test_command_keeps_its_ref(kind: str, ref: str | None) -> None:
    intent = receive(begun(), kind, **WITH_REF[kind], ref=ref)
    assert getattr(intent, "ref", "none at all") == ref


def test_error_names_the_default_room() -> None:
    error = refusal(begun(), "message", message="", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.BAD_REQUEST, REF, "general")


def test_error_about_a_token_has_no_room() -> None:
    error = refusal(begun(), "auth", token="t", ref="")
    assert (error.code, error.room) == (ErrorCode.BAD_REQUEST, None)


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


def test_text_of_an_edit_is_trimmed() -> None:
    edit = receive(begun(), "edit", id="m1", message=" a\n")
    assert edit == EditMessage("m1", "a", "general")


@pytest.mark.parametrize("kind", ["edit", "delete"])
@pytest.mark.parametrize("target", ["", "m 1", "m" * 65, "\0"], ids=ascii)
def test_invalid_message_id_is_not_found(kind: str, target: str) -> None:
    error = refusal(begun(), kind, id=target, message="a", ref=REF)
    assert (error.code, error.ref, error.room) == (ErrorCode.NOT_FOUND, REF, "general")


def test_history_defaults_to_50_newest_events() -> None:
    assert receive(begun(), "history") == ReadHistory("general", None, None, 50)


@pytest.mark.parametrize(("limit", "is_taken"), [(0, False), (1, True), (100, True), (101, False)])
def test_page_has_1_to_100_events(
    limit: int,
    is_taken: bool,  # noqa: FBT001 - a row of the table
) -> None:
    if is_taken:
        expected = ReadHistory("general", None, MAX_WHOLE, limit)
        assert receive(begun(), "history", after=MAX_WHOLE, limit=limit) == expected
    else:
        error = refusal(begun(), "history", limit=limit, ref=REF)
        assert (error.code, error.ref) == (ErrorCode.BAD_REQUEST, REF)
        assert error.message == "The limit must be 1 to 100"


def test_history_has_one_direction() -> None:
    error = refusal(begun(), "history", before=5, after=0)
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message == "Give either before or after, not both"


@pytest.mark.parametrize(
    ("size", "code"), [(LARGE_CHARS, ErrorCode.BAD_REQUEST), (LARGE_CHARS + 1, ErrorCode.TOO_LARGE)]
)
def test_only_large_messages_are_refused_by_shape(size: int, code: ErrorCode) -> None:
    with pytest.raises(CommandError) as caught:
        begun().receive("{".ljust(size, ","))
    assert caught.value.code is code

"""The first message of version 2: the session accepts all of it, or nothing."""

import json

import pytest

from tests.protocol.test_labels import BAD_ROOMS
from tests.protocol.test_names import BAD_NAMES
from tests.protocol.test_session import HERE
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import Since
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Enter, Session


def new() -> Session:
    return Session("general", 12, 3)


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


def test_hello_may_have_as_many_rooms_as_the_limit() -> None:
    session = new()
    session.receive(hello(username="ann", rooms={room: {} for room in "abc"}))
    assert session.rooms == set("abc")


def test_refused_hello_has_its_ref() -> None:
    assert refusal(new(), hello(rooms={"general": 5}, ref="r1")).ref == "r1"

"""The first frame of version 2: taken whole, or not at all."""

import json

import pytest

from tests.protocol.test_labels import BAD_ROOMS
from tests.protocol.test_names import BAD_NAMES
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import Since
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Enter, Session, State

ANN = Name("Ann Lee", "ann lee")
MAX_ROOMS = 3
HERE = {"general": Since()}


def new(proven: Name | None = None) -> Session:
    return Session("general", 12, MAX_ROOMS, proven)


def hello(**fields: object) -> str:
    return json.dumps({"type": "hello", "v": 2, **fields})


def refusal(session: Session, text: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        session.receive(text)
    assert session.state is State.NAMELESS
    assert not session.rooms
    return caught.value


def test_hello_with_a_device_and_rooms() -> None:
    session = new()
    text = hello(username=" Ann ", device="d-1", rooms={"a": {"since": 41, "epoch": "k3"}, "b": {}})
    rooms = {"a": Since(41, "k3"), "b": Since()}
    expected = Enter(Name("Ann", "ann"), rooms, is_version_2=True, device="d-1")
    assert session.receive(text) == expected
    assert session.state is State.VERSION_2
    assert session.rooms == {"a", "b"}


@pytest.mark.parametrize("fields", [{}, {"rooms": {}}, {"rooms": None}], ids=str)
def test_hello_without_rooms_enters_the_default_room(fields: dict[str, object]) -> None:
    session = new()
    expected = Enter(Name("ann", "ann"), HERE, is_version_2=True, device=None)
    assert session.receive(hello(username="ann", **fields)) == expected
    assert session.rooms == {"general"}


@pytest.mark.parametrize("raw", [raw for raw in BAD_NAMES if raw.isprintable()], ids=ascii)
def test_hello_with_a_bad_name_is_refused(raw: str) -> None:
    error = refusal(new(), hello(username=raw))
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message.startswith("The name ")


@pytest.mark.parametrize("room", [room for room in BAD_ROOMS if isinstance(room, str)], ids=ascii)
def test_one_bad_room_refuses_the_hello(room: str) -> None:
    error = refusal(new(), hello(username="ann", rooms={"dev": {}, room: {}}))
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message.startswith("A room must be 1 to 64 of")


@pytest.mark.parametrize("device", ["", "d 1", "d" * 65, "\u00e4"], ids=ascii)
def test_hello_with_a_bad_device_is_refused(device: str) -> None:
    error = refusal(new(), hello(username="ann", device=device))
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message == "A device must be 1 to 64 visible ASCII characters"


def test_hello_with_too_many_rooms_is_refused() -> None:
    rooms: dict[str, object] = {room: {} for room in "abc"}
    session = new()
    session.receive(hello(username="ann", rooms=rooms))
    assert session.rooms == set("abc")
    error = refusal(new(), hello(username="ann", rooms={**rooms, "d": {}}))
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message == "A connection may be in at most 3 rooms"


def test_session_accepts_a_hello_after_a_refused_one() -> None:
    session = new()
    refusal(session, hello(username="ann", rooms={"a": {}, "B": {}}))
    assert session.receive(hello(username="ann")) == Enter(
        Name("ann", "ann"), HERE, is_version_2=True
    )
    assert session.rooms == {"general"}


@pytest.mark.parametrize(
    "fields", [{}, *({"username": name} for name in ("", None, "Ann Lee", "  ANN  lee "))], ids=str
)
def test_client_with_a_token_may_omit_its_name(fields: dict[str, object]) -> None:
    session = new(ANN)
    assert session.receive(hello(**fields)) == Enter(ANN, HERE, is_version_2=True)


def test_client_with_a_token_may_use_no_other_name() -> None:
    assert refusal(new(ANN), hello(username="bob")).code is ErrorCode.FORBIDDEN


def test_refused_hello_has_its_ref() -> None:
    assert refusal(new(), hello(rooms={"general": 5}, ref="r1")).ref == "r1"

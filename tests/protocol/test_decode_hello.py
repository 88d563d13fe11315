import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.test_decode import ANY_JSON, UNICODE, WHOLE
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import Hello, Since
from trio_chat.protocol.decode import MAX_WHOLE, decode_hello

MAX_ROOMS = 3

SINCE = st.fixed_dictionaries({}, optional={"since": WHOLE, "epoch": UNICODE})


def refusal(text: str | bytes) -> CommandError:
    with pytest.raises(CommandError) as caught:
        decode_hello(text, MAX_ROOMS)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    return caught.value


def hello(**fields: object) -> str:
    return json.dumps({"type": "hello", "v": 2, **fields})


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "username": UNICODE,
            "device": UNICODE,
            "rooms": st.dictionaries(UNICODE, SINCE, max_size=MAX_ROOMS),
        },
    ),
    unknown=st.dictionaries(st.just("colour") | st.just("ref"), ANY_JSON),
    nulls=st.lists(st.sampled_from(["username", "device", "rooms"])),
)
def test_hello_of_another_json_writer_is_decoded(
    fields: dict[str, object], unknown: dict[str, object], nulls: list[str]
) -> None:
    rooms = fields.get("rooms", {})
    assert isinstance(rooms, dict)
    expected = Hello(
        2,
        str(fields.get("username", "")),
        fields.get("device"),  # type: ignore[arg-type]
        {room: Since(since.get("since"), since.get("epoch")) for room, since in rooms.items()},
    )
    assert decode_hello(hello(**unknown, **{**dict.fromkeys(nulls), **fields}), MAX_ROOMS) == (
        expected
    )


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"username": 5}, "username"),
        ({"device": 5}, "device"),
        ({"rooms": ["general"]}, "rooms"),
        ({"rooms": "general"}, "rooms"),
        ({"rooms": {"general": None}}, "rooms"),
        ({"rooms": {"general": []}}, "rooms"),
        ({"rooms": {"general": "since"}}, "rooms"),
        ({"rooms": {"general": 41}}, "rooms"),
        ({"rooms": {"general": {"since": "41"}}}, "since"),
        ({"rooms": {"general": {"since": 41.0}}}, "since"),
        ({"rooms": {"general": {"since": True}}}, "since"),
        ({"rooms": {"general": {"since": -1}}}, "since"),
        ({"rooms": {"general": {"since": MAX_WHOLE + 1}}}, "since"),
        ({"rooms": {"general": {"epoch": 3}}}, "epoch"),
        ({"rooms": {"dev": {}, "general": {"since": 1, "epoch": {}}}}, "epoch"),
    ],
    ids=str,
)
def test_value_of_another_type_is_refused_by_key(fields: dict[str, object], culprit: str) -> None:
    assert refusal(hello(**fields)).message == f"Invalid hello: check {culprit}"


@pytest.mark.parametrize("kind", [None, 5, "Hello", "message", ["hello"]], ids=str)
def test_object_of_another_type_is_no_hello(kind: object) -> None:
    assert "must be a user name, or an object of type hello" in refusal(hello(type=kind)).message


@pytest.mark.parametrize("version", [None, 1, 3, "2", 2.0, True, [2]], ids=str)
def test_other_versions_are_refused(version: object) -> None:
    assert refusal(hello(v=version)).message == "Unsupported version: v must be 2"
    assert (
        refusal('{"type":"hello","username":"ann"}').message == "Unsupported version: v must be 2"
    )


def test_too_many_rooms_are_refused_undecoded() -> None:
    assert (
        len(decode_hello(hello(rooms={room: {} for room in "abc"}), MAX_ROOMS).rooms) == MAX_ROOMS
    )
    error = refusal(hello(rooms=dict.fromkeys("abcd", 5)))
    assert error.message == "A connection may be in at most 3 rooms"


@pytest.mark.parametrize("text", ["", "{", "[]", '"hello"', "{}x", "[" * 100_000, b"\xff"])
def test_hello_must_be_an_object(text: str | bytes) -> None:
    refusal(text)


def test_refused_hello_has_the_ref_and_no_room() -> None:
    error = refusal(hello(device=5, ref="r1", room="dev"))
    assert (error.ref, error.room) == ("r1", None)


@given(fields=st.dictionaries(st.sampled_from(["username", "device", "rooms", "v"]), ANY_JSON))
def test_any_json_is_a_hello_or_a_bad_request(fields: dict[str, object]) -> None:
    try:
        read = decode_hello(hello(**fields), MAX_ROOMS)
    except CommandError as caught:
        code: ErrorCode | None = caught.code
    else:
        code = None
        assert read.v == 2
        assert type(read.username) is str
        assert read.device is None or type(read.device) is str
        assert all(isinstance(since, Since) for since in read.rooms.values())
    assert code in (None, ErrorCode.BAD_REQUEST)

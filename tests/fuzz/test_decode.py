"""Whatever comes as a command: a command or one kind of error comes out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.codec import decode
from trio_chat.protocol.messages import Command, SendMessage, SetTyping

KEYS = st.sampled_from(["type", "message", "room", "ref", "isTyping"]) | st.text(max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["message", "typing", "hello"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


def check(text: str | bytes) -> None:
    match outcome(text):
        case SendMessage(message, room, ref):
            assert type(message) is str
            assert all(value is None or type(value) is str for value in (room, ref))
        case SetTyping(is_typing, room):
            assert type(is_typing) is bool
            assert room is None or type(room) is str
        case CommandError() as error:
            assert error.code is ErrorCode.BAD_REQUEST
            assert error.message
            assert error.retry_after_ms is None


def outcome(text: str | bytes) -> Command | CommandError:
    try:
        return decode(text)
    except CommandError as error:
        return error


@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check(data)


@given(text=st.text(st.characters(), max_size=100))
def test_any_text_with_lone_surrogates_in_it(text: str) -> None:
    check(text)
    check("{" + text)
    check('{"message":"' + text + '"}')


@given(value=VALUES | OBJECTS, ascii_only=st.booleans())
def test_any_json_and_what_python_alone_takes_for_json(
    value: object,
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    check(json.dumps(value, ensure_ascii=ascii_only))


@given(value=OBJECTS, place=st.integers(0, 300), junk=st.binary(max_size=4))
def test_broken_json(value: object, place: int, junk: bytes) -> None:
    data = json.dumps(value).encode()
    check(data[:place] + junk + data[place + 1 :])


@given(depth=st.integers(1, 3000), opening=st.sampled_from(["[", '{"message":', '{"a":[']))
def test_any_depth(depth: int, opening: str) -> None:
    check(opening * depth)
    closing = "".join({"[": "]", "{": "}"}.get(mark, "") for mark in reversed(opening))
    check(opening * depth + "1" + closing * depth)
    check('{"message":"a","b":' + opening * depth + "1" + closing * depth + "}")

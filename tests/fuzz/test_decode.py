"""Whatever comes as a command: a command or one kind of error comes out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.decoded import check_decoded
from trio_chat.errors import CommandError
from trio_chat.protocol.commands import Command
from trio_chat.protocol.decode import COMMANDS, decode

KNOWN_KEYS = (
    *("type", "message", "room", "ref", "isTyping", "since", "epoch"),
    *("before", "after", "limit", "seq", "id", "token"),
)
KEYS = st.sampled_from(KNOWN_KEYS) | st.text(max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([*COMMANDS, "hello"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5) | st.fixed_dictionaries(
    {"type": st.sampled_from([*COMMANDS])},
    optional=dict.fromkeys(KNOWN_KEYS[1:], st.text(max_size=5) | st.integers(0) | VALUES),
)


def check(text: str | bytes) -> None:
    check_decoded(outcome(text))


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

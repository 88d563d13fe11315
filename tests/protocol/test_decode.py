import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.decode import COMMANDS, decode
from trio_chat.protocol.messages import SendMessage, SetTyping

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KNOWN_KEYS = {"type", "message", "room", "ref", "isTyping"}

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | UNICODE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(UNICODE, inner, max_size=3),
    max_leaves=5,
)
NO_TEXT = ANY_JSON.filter(lambda value: not isinstance(value, str))
NO_BOOLEAN = ANY_JSON.filter(lambda value: not isinstance(value, bool))
UNKNOWN_KEYS = st.dictionaries(
    UNICODE.filter(lambda key: key not in KNOWN_KEYS), ANY_JSON, max_size=3
)


def refusal(text: str | bytes) -> str:
    with pytest.raises(CommandError) as caught:
        decode(text)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    return caught.value.message


@given(
    message=UNICODE,
    optional=st.fixed_dictionaries({}, optional={"room": UNICODE, "ref": UNICODE}),
    kind=st.sampled_from([{}, {"type": "message"}]),
    unknown=UNKNOWN_KEYS,
    ascii_only=st.booleans(),
)
def test_what_another_json_writer_writes_is_read_as_a_message(
    message: str,
    optional: dict[str, str],
    kind: dict[str, str],
    unknown: dict[str, object],
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    written = {**unknown, **kind, **optional, "message": message}
    text = json.dumps(written, ensure_ascii=ascii_only)
    expected = SendMessage(message, optional.get("room"), optional.get("ref"))
    assert decode(text) == expected
    assert decode(text.encode()) == expected


@given(
    is_typing=st.booleans(),
    optional=st.fixed_dictionaries({}, optional={"room": UNICODE}),
    unknown=UNKNOWN_KEYS,
)
def test_what_another_json_writer_writes_is_read_as_typing(
    is_typing: bool,  # noqa: FBT001 - hypothesis passes it by name
    optional: dict[str, str],
    unknown: dict[str, object],
) -> None:
    text = json.dumps({**unknown, **optional, "type": "typing", "isTyping": is_typing})
    assert decode(text) == SetTyping(is_typing, optional.get("room"))


@given(message=NO_TEXT)
def test_a_message_that_is_no_text_is_refused(message: object) -> None:
    assert refusal(json.dumps({"message": message})) == "This is not a valid message"


@given(is_typing=NO_BOOLEAN)
def test_typing_that_is_no_boolean_is_refused(is_typing: object) -> None:
    text = json.dumps({"type": "typing", "isTyping": is_typing})
    assert refusal(text) == "This is not a valid typing"


@given(
    key=st.sampled_from(["room", "ref"]),
    value=NO_TEXT.filter(lambda value: value is not None),
)
def test_a_room_or_a_ref_that_is_no_text_is_refused(key: str, value: object) -> None:
    assert refusal(json.dumps({"message": "hi", key: value})) == "This is not a valid message"


@given(kind=ANY_JSON.filter(lambda kind: not (isinstance(kind, str) and kind in COMMANDS)))
def test_any_other_type_is_refused(kind: object) -> None:
    text = json.dumps({"type": kind, "message": "hi", "isTyping": True})
    assert refusal(text) == "The type is unknown"


@pytest.mark.parametrize("text", ["[]", "5", '"message"', "true", "null", '[{"message":"hi"}]'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert refusal(text) == "A JSON object is expected"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"message":"hi"',
        "{'message':'hi'}",
        '{"message":"hi"}{"message":"hi"}',
        '{"message":NaN}',
        '{"message":"a\nb"}',
        "\ufeff{}",
        b'{"message":"\xff"}',
        '{"message":"\\ud83d"}',
        '{"message":"\ud83d"}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    assert refusal(text) == "This is not valid JSON"


@pytest.mark.parametrize("text", ["{}", '{"type":"message"}', '{"Message":"hi"}'])
def test_a_message_without_its_text_is_refused(text: str) -> None:
    assert refusal(text) == "This is not a valid message"


@pytest.mark.parametrize("key", ["is_typing", "istyping", "IsTyping"])
def test_only_the_name_on_the_wire_counts(key: str) -> None:
    assert refusal(f'{{"type":"typing","{key}":true}}') == "This is not a valid typing"


def test_the_refusal_keeps_what_caused_it() -> None:
    with pytest.raises(CommandError) as caught:
        decode('{"message":5}')
    assert caught.value.__cause__ is not None

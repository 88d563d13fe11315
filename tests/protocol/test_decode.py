import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
)
from trio_chat.protocol.decode import MAX_WHOLE, decode

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WHOLE = st.integers(0, MAX_WHOLE)

KEYS: dict[str, tuple[type[Command], dict[str, Any], dict[str, Any]]] = {
    "message": (SendMessage, {"message": UNICODE}, {"room": UNICODE, "ref": UNICODE}),
    "typing": (SetTyping, {"isTyping": st.booleans()}, {"room": UNICODE}),
    "join": (JoinRoom, {"room": UNICODE}, {"since": WHOLE, "epoch": UNICODE, "ref": UNICODE}),
    "leave": (LeaveRoom, {"room": UNICODE}, {"ref": UNICODE}),
    "history": (
        ReadHistory,
        {},
        {"room": UNICODE, "before": WHOLE, "after": WHOLE, "limit": WHOLE, "ref": UNICODE},
    ),
    "read": (ReadMarker, {"seq": WHOLE}, {"room": UNICODE}),
    "edit": (EditMessage, {"id": UNICODE, "message": UNICODE}, {"room": UNICODE, "ref": UNICODE}),
    "delete": (DeleteMessage, {"id": UNICODE}, {"room": UNICODE, "ref": UNICODE}),
    "auth": (RefreshToken, {"token": UNICODE}, {"ref": UNICODE}),
}
"""By type: the class, and the values of the keys that are required and optional."""

KNOWN_KEYS = {"type"}.union(*(must.keys() | may.keys() for _, must, may in KEYS.values()))
FIELDS = {"isTyping": "is_typing"}

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | UNICODE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(UNICODE, inner, max_size=3),
    max_leaves=5,
)
UNKNOWN_KEYS = st.dictionaries(
    UNICODE.filter(lambda key: key not in KNOWN_KEYS), ANY_JSON, max_size=3
)


def refusal(text: str | bytes) -> str:
    with pytest.raises(CommandError) as caught:
        decode(text)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    return caught.value.message


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, object], Command]:
    """Return an object as a client may write it, and its command; null is a missing key."""
    kind = draw(st.sampled_from(list(KEYS)))
    command, must, may = KEYS[kind]
    values = draw(st.fixed_dictionaries(must, optional=may))
    nulls = draw(st.lists(st.sampled_from(list(may)))) if may else []
    says_type = kind != "message" or draw(st.booleans())
    data = {
        **draw(UNKNOWN_KEYS),
        **({"type": kind} if says_type else {}),
        **dict.fromkeys(nulls),
        **values,
    }
    return data, command(**{FIELDS.get(key, key): value for key, value in values.items()})


@given(pair=written(), ascii_only=st.booleans())
def test_commands_of_another_json_writer_are_decoded(
    pair: tuple[dict[str, object], Command],
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    data, command = pair
    text = json.dumps(data, ensure_ascii=ascii_only)
    assert decode(text) == command
    assert decode(text.encode()) == command


def test_these_tests_cover_every_type() -> None:
    assert {kind: command for kind, (command, _, _) in KEYS.items()} == COMMANDS


CELLS = [(kind, key) for kind, (_, must, may) in KEYS.items() for key in must | may]
WHOLE_COMMAND = {"message": "a", "isTyping": True, "room": "a", "seq": 1, "id": "a", "token": "a"}
"""The keys that any command requires."""

WRONG: dict[object, list[object]] = {
    UNICODE: [True, 5, 5.5, [], {}, ["a"], {"a": "a"}],
    WHOLE: [True, -1, MAX_WHOLE + 1, 5.0, "5", [], {}, [5]],
}
WRONG_BOOLEANS: list[object] = [0, 1, 1.0, "true", "", [], {}, [True]]


@pytest.mark.parametrize(("kind", "key"), CELLS)
def test_invalid_or_missing_value_is_refused_by_key(kind: str, key: str) -> None:
    _, must, may = KEYS[kind]
    whole = {**WHOLE_COMMAND, "type": kind}
    decode(json.dumps(whole))
    nothing = [None] if key in must else []
    for wrong in [*WRONG.get({**must, **may}[key], WRONG_BOOLEANS), *nothing]:
        assert refusal(json.dumps({**whole, key: wrong})) == f"Invalid {kind}: check {key}"
    if key in must:
        del whole[key]
        assert refusal(json.dumps(whole)) == f"Invalid {kind}: check {key}"


@pytest.mark.parametrize("number", ["0", str(MAX_WHOLE), "-0"])
def test_numbers_at_the_bounds_are_accepted(number: str) -> None:
    assert decode(f'{{"type":"read","seq":{number}}}') == ReadMarker(int(number))


@pytest.mark.parametrize(
    "number", ["1e3", "-0.0", str(2**63), str(2**64), "1" * 100], ids=lambda number: number[:20]
)
def test_numbers_beyond_json_integers_are_refused(number: str) -> None:
    assert refusal(f'{{"type":"read","seq":{number}}}') == "Invalid read: check seq"


@example(kind="hello")  # it is known, as a first frame only
@given(kind=ANY_JSON.filter(lambda kind: not (isinstance(kind, str) and kind in COMMANDS)))
def test_unknown_type_is_refused(kind: object) -> None:
    text = json.dumps({"type": kind, "message": "hi", "isTyping": True})
    assert refusal(text) == "Unknown type"


@pytest.mark.parametrize("text", ["[]", "5", '"message"', "true", "null", '[{"message":"hi"}]'])
def test_json_other_than_an_object_is_refused(text: str) -> None:
    assert refusal(text) == "The message must be a JSON object"


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
def test_invalid_json_is_refused(text: str | bytes) -> None:
    assert refusal(text) == "The message is not valid JSON"


@pytest.mark.parametrize("key", ["is_typing", "istyping", "IsTyping"])
def test_only_wire_names_are_accepted(key: str) -> None:
    assert refusal(f'{{"type":"typing","{key}":true}}') == "Invalid typing: check isTyping"
    assert refusal('{"Message":"hi"}') == "Invalid message: check message"


def test_the_last_of_equal_keys_counts() -> None:
    assert decode('{"type":5,"type":"read","seq":1}') == ReadMarker(1)
    assert refusal('{"type":"read","seq":1,"seq":"1"}') == "Invalid read: check seq"


def test_fields_of_the_server_are_ignored() -> None:
    text = '{"type":"read","seq":5,"user":"bob","shown":"Bob","member":"bob"}'
    assert decode(text) == ReadMarker(5)


def about(text: str) -> tuple[str | None, str | None]:
    with pytest.raises(CommandError) as caught:
        decode(text)
    return caught.value.ref, caught.value.room


@pytest.mark.parametrize("kind", [*COMMANDS, "dance", "hello"])
def test_refusal_has_the_ref_and_the_room(kind: str) -> None:
    faulty = {"type": kind, "room": "dev", "seq": -1, "limit": -1, "id": 1, "token": 1, "since": -1}
    if kind == "leave":  # it has no more than these
        faulty["ref"] = 5
        assert about(json.dumps(faulty)) == (None, "dev")
    else:
        assert about(json.dumps({**faulty, "ref": "r1"})) == ("r1", "dev")


def test_refusal_omits_an_invalid_ref_or_room() -> None:
    assert about('{"message":5,"ref":"r 1","room":"Dev"}') == (None, None)
    assert about('{"message":5,"ref":["r1"],"room":{}}') == (None, None)
    assert about("{") == (None, None)

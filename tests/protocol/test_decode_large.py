"""Large frames that are refused before anything reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.decode import OTHER_PARTS, check_shape

TEXT_CHARS = 2000
TOO_MANY = "," * (TEXT_CHARS + OTHER_PARTS + 1)


def refusal(text: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        check_shape(text, TEXT_CHARS)
    return caught.value


@pytest.mark.parametrize("text", ["[{}" + ",{}" * 400 + "]", " " * 2000, "\u00a0{" + "x" * 1024])
def test_large_text_must_be_an_object(text: str) -> None:
    assert refusal(text).code is ErrorCode.BAD_REQUEST


def test_object_with_thousands_of_parts_is_too_large() -> None:
    assert refusal('{"x":[' + "{}," * 3000 + "{}]}").code is ErrorCode.TOO_LARGE
    assert refusal(" \t\r\n{" + TOO_MANY).code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize("message", ["," * TEXT_CHARS, "{" * 60_000, "x" * 60_000])
def test_possible_message_passes_the_shape_check(message: str) -> None:
    check_shape(json.dumps({"type": "message", "message": message, "ref": "1"}), TEXT_CHARS)


@given(
    ref=st.text(
        st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=64
    ),
    first=st.sampled_from(["", '"ref":"not me"', '\\"ref\\":\\"nor me\\"']),
    indent=st.sampled_from([None, 1]),
)
def test_shape_refusal_finds_the_ref_and_the_room(ref: str, first: str, indent: int | None) -> None:
    whole = {"message": first + TOO_MANY, "ref": ref, "room": "dev"}
    error = refusal(json.dumps(whole, indent=indent))
    escaped = any(character in ref for character in '"\\')
    assert (error.ref, error.room) == (None if escaped else ref, "dev")


def test_shape_refusal_ignores_invalid_labels() -> None:
    error = refusal('{"ref":5,"room":"Dev Room",' + TOO_MANY)
    assert (error.ref, error.room) == (None, None)

"""Rooms, labels and texts."""

import sys
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import WHITE_SPACE, is_label, is_room, name_subject, prepare_text

VISIBLE = [chr(code) for code in range(0x21, 0x7F)]

GOOD_ROOMS = ["a", "0", "general", "a.b_c-d", "9" * 64]
BAD_ROOMS = ["", "A", "-a", ".a", "_a", "a b", "a\n", "\u00e4", "a\u0660", "a" * 65, None, 5]


@pytest.mark.parametrize("room", GOOD_ROOMS)
def test_valid_rooms(room: str) -> None:
    assert is_room(room)


@pytest.mark.parametrize("room", BAD_ROOMS, ids=ascii)
def test_invalid_rooms(room: object) -> None:
    assert not is_room(room)


@given(value=st.text(st.sampled_from(VISIBLE), min_size=1, max_size=64))
def test_label_is_1_to_64_visible_ascii_characters(value: str) -> None:
    assert is_label(value)


@pytest.mark.parametrize("value", ["", "~" * 65, None, 5, ["a"]], ids=ascii)
def test_invalid_labels(value: object) -> None:
    assert not is_label(value)


@given(
    before=st.text(st.sampled_from(VISIBLE), max_size=5),
    wrong=st.characters(exclude_characters=VISIBLE),
    after=st.text(st.sampled_from(VISIBLE), max_size=5),
)
def test_one_other_character_invalidates_a_label(before: str, wrong: str, after: str) -> None:
    assert not is_label(before + wrong + after)


@pytest.mark.parametrize("code", [ErrorCode.CONFLICT, "conflict"])
def test_error_prints_its_message_and_code(code: ErrorCode) -> None:
    assert str(CommandError(code, "no")) == "no (conflict)"


def test_error_has_only_a_valid_ref_and_room() -> None:
    error = CommandError(ErrorCode.CONFLICT, "no")
    name_subject(error, "", "General")
    assert (error.ref, error.room) == (None, None)
    name_subject(error, "r 1", "dev")
    assert (error.ref, error.room) == (None, "dev")
    name_subject(error, "r1", 5)
    assert (error.ref, error.room) == ("r1", "dev")


SEPARATORS = "\x1c\x1d\x1e\x1f"
"""Python takes these for space; Unicode's property White_Space does not."""


def refusal(raw: str, max_chars: int = 10) -> ErrorCode:
    with pytest.raises(CommandError) as caught:
        prepare_text(raw, max_chars)
    return caught.value.code


def test_white_space_matches_python_without_separators() -> None:
    spaces = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert set(WHITE_SPACE) == spaces - set(SEPARATORS)
    assert len(WHITE_SPACE) == 25


@given(st.text(st.sampled_from(WHITE_SPACE + SEPARATORS + "a"), max_size=12))
def test_trimming_matches_strip(raw: str) -> None:
    trimmed = raw.strip(WHITE_SPACE)
    if trimmed:
        assert prepare_text(raw, 12) == trimmed
    else:
        assert refusal(raw) is ErrorCode.BAD_REQUEST


def test_trimming_blanks_is_faster_than_strip() -> None:
    blanks = " " * 65_000
    ours = min(repeat(lambda: refusal(blanks), number=1, repeat=20))
    strips = min(repeat(lambda: blanks.strip(WHITE_SPACE), number=1, repeat=20))
    assert ours < strips / 2


@pytest.mark.parametrize("raw", ["\0", "a\0b", " a\0 "])
def test_nul_is_refused(raw: str) -> None:
    assert refusal(raw) is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("character", ["a", "\u00e4", "\U0001f600"])
def test_limit_counts_code_points_after_trimming(character: str) -> None:
    assert prepare_text(f"  {character * 10}  ", 10) == character * 10
    assert refusal(character * 11) is ErrorCode.TOO_LARGE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import is_label, is_room, name_subject

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

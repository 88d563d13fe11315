import sys
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import WHITE_SPACE, prepare_text

INFORMATION_SEPARATORS = "\x1c\x1d\x1e\x1f"
"""Python takes them for space; Unicode's property White_Space does not."""

# No white space in it, and no NUL.
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
BLANKS = st.text(st.sampled_from(WHITE_SPACE), max_size=5)


def refusal(raw: str, max_chars: int = 10) -> ErrorCode:
    with pytest.raises(CommandError) as caught:
        prepare_text(raw, max_chars)
    return caught.value.code


def test_white_space_matches_python_without_separators() -> None:
    spaces = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert set(WHITE_SPACE) == spaces - set(INFORMATION_SEPARATORS)
    assert len(WHITE_SPACE) == 25


@given(before=BLANKS, text=WORDS, after=BLANKS)
def test_text_is_trimmed_at_both_ends(before: str, text: str, after: str) -> None:
    assert prepare_text(before + text + after, 20) == text


@pytest.mark.parametrize("separator", INFORMATION_SEPARATORS)
def test_information_separators_are_kept(separator: str) -> None:
    assert prepare_text(f"{separator}a{separator}", 10) == f"{separator}a{separator}"


@given(st.text(st.sampled_from(WHITE_SPACE + INFORMATION_SEPARATORS + "a"), max_size=12))
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


@pytest.mark.parametrize("raw", ["", " ", WHITE_SPACE])
def test_blank_text_is_refused(raw: str) -> None:
    assert refusal(raw) is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("raw", ["\0", "a\0b", " a\0 "])
def test_nul_is_refused(raw: str) -> None:
    assert refusal(raw) is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("character", ["a", "\u00e4", "\U0001f600"])
def test_limit_counts_code_points_after_trimming(character: str) -> None:
    assert prepare_text(f"  {character * 10}  ", 10) == character * 10
    assert refusal(character * 11) is ErrorCode.TOO_LARGE

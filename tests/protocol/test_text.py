import sys
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import WHITE_SPACE, prepare_text

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

"""Any text is refused as a name, or prepared in one stable form."""

import unicodedata
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from trio_chat.access.names import MAX_NAME_CHARS, prepare_name
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import Name

ANY_CHARACTER = st.characters()
# Letters, marks and blanks that preparation changes or joins.
CHANGING = st.sampled_from("aA\u00c4\u0308 \u3000\u00a0\ufb01\uff21\u0130\u1e9e\u03a3\u212b\u00a8{")
NAMES = st.text(CHANGING, max_size=12) | st.text(ANY_CHARACTER, max_size=40)


def prepare(raw: str) -> Name:
    """Return a name; a refused one is no example."""
    try:
        return prepare_name(raw)
    except CommandError as caught:
        error = caught
    assert error.code is ErrorCode.BAD_REQUEST
    assert error.message.startswith("The name ")
    raise UnsatisfiedAssumption


@given(raw=NAMES)
def test_any_text_is_a_valid_name_or_refused(raw: str) -> None:
    name = prepare(raw)
    assert 1 <= len(name.shown) <= MAX_NAME_CHARS
    assert not name.shown.startswith(("{", " "))
    assert not name.shown.endswith(" ")
    categories = {unicodedata.category(character) for character in name.shown}
    assert not categories & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    directions = {unicodedata.bidirectional(character) for character in name.shown}
    assert not directions & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert name.key


@given(raw=NAMES)
def test_preparing_a_name_is_idempotent(raw: str) -> None:
    name = prepare(raw)
    assert prepare_name(name.shown) == name


@given(raw=NAMES, form=st.sampled_from(["NFC", "NFD"]))
def test_canonically_equal_texts_give_one_name(raw: str, form: Literal["NFC", "NFD"]) -> None:
    name = prepare(raw)
    assert prepare(unicodedata.normalize(form, raw)) == name


@given(raw=st.text(st.sampled_from("abc\u00e4\u00f6\u03b1\u0431 "), max_size=20))
def test_case_and_blanks_do_not_distinguish_users(raw: str) -> None:
    name = prepare(raw)
    shouted = prepare_name(f"  {raw.upper().replace(' ', '  ')} ")
    assert shouted.key == name.key
    assert shouted.shown == name.shown.upper()

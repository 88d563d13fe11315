import unicodedata
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from precis_i18n import get_profile

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol import names
from trio_chat.protocol.names import (
    MAX_COMPOSED_CHARS,
    MAX_NAME_CHARS,
    MAX_RAW_NAME_CHARS,
    Name,
    is_name,
    prepare_name,
)

BAD_NAMES = {
    "nothing": "",
    "blanks only": " \u3000\u2003 ",
    "a mark only": "\u0301",
    "marks only": "\u0301\u20dd",
    "a blank and a mark": "\u00a8",
    "the empty Braille pattern": "\u2800",
    "the placeholder of an object": "\ufffc",
    "the null note head": "\U0001d159",
    "blanks of several kinds": "\u2800 \ufffc\u0301",
    "a mark and a joiner": "\u094d\u200d",
    "a blank between marks": "\u0301 \u0301",
    "33 characters": "x" * 33,
    "33 characters outside the BMP": "\U0001f600" * 33,
    "33 characters once prepared": "\ufb00" * 17,
    "a brace first": "{x",
    "a brace behind a blank": " {x",
    "a wide brace": "\uff5bx",
    "NUL": "an\0n",
    "a line feed": "an\nn",
    "a tab": "an\tn",
    "delete": "an\x7fn",
    "a C1 control": "an\x85n",
    "a right-to-left override": "\u202eann",
    "a left-to-right isolate": "\u2066ann",
    "a right-to-left mark": "ann\u200f",
    "a zero width space": "an\u200bn",
    "a zero width joiner out of place": "an\u200dn",
    "a byte order mark": "\ufeffann",
    "a soft hyphen": "an\u00adn",
    "a variation selector": "an\ufe0fn",
    "an invisible jamo": "an\u1160n",
    "a lone surrogate": "an\ud800n",
    "for private use": "an\ue000n",
    "not assigned": "an\u0378n",
    "not a character": "an\uffffn",
    "a line separator": "an\u2028n",
}

GOOD_NAMES = {
    "ann": Name("ann", "ann"),
    "Ann": Name("Ann", "ann"),
    "  Ann   B\u00a0C ": Name("Ann B C", "ann b c"),
    "x" * 32: Name("x" * 32, "x" * 32),
    "\U0001f600" * 32: Name("\U0001f600" * 32, "\U0001f600" * 32),
    "a{": Name("a{", "a{"),
    "7": Name("7", "7"),
    "<b>&\"'": Name("<b>&\"'", "<b>&\"'"),
    "J\u00fcrgen": Name("J\u00fcrgen", "j\u00fcrgen"),
    "Ju\u0308rgen": Name("J\u00fcrgen", "j\u00fcrgen"),
    "\u212bngstr\u00f6m": Name("\u00c5ngstr\u00f6m", "\u00e5ngstr\u00f6m"),
    "\uff21\uff4e\uff4e": Name("Ann", "ann"),
    "\u05e9\u05dc\u05d5\u05dd": Name("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
    "\u30a2\u30f3\u30fb": Name("\u30a2\u30f3\u30fb", "\u30a2\u30f3\u30fb"),
    "x" * 32 + " " * 900: Name("x" * 32, "x" * 32),
}


@pytest.mark.parametrize("raw", BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_name_is_refused_with_a_reason(raw: str) -> None:
    with pytest.raises(CommandError, match=r"^The name [a-z ]+\w") as caught:
        prepare_name(raw)
    assert caught.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(("raw", "name"), GOOD_NAMES.items(), ids=map(ascii, GOOD_NAMES))
def test_good_name_is_prepared(raw: str, name: Name) -> None:
    assert prepare_name(raw) == name


OUT_OF_PLACE = "has a punctuation mark out of place; leave it out"
EMOJI = "has an emoji of several parts; use a simple one, or none"

REASONS = {
    "": "is empty",
    "x" * 33: "is longer than 32 characters; choose a shorter one",
    "{x": "must not begin with {",
    "\u0301": "has only marks or blanks; add a letter or a digit",
    "a\0": "has a control character, such as a tab or a line break; leave it out",
    "a\u200bb": "has an invisible character; leave it out",
    "a\u200cb": "has an invisible character; leave it out",
    "a\u200db": "has an invisible character; leave it out",
    "\ufe0fann": "has an invisible character; leave it out",
    "\u2764\ufe0f": EMOJI,
    "\U0001f469\u200d\U0001f4bb": EMOJI,
    "1\ufe0f\u20e3": EMOJI,
    "a\u00b7b": OUT_OF_PLACE,
    "a\u0375": OUT_OF_PLACE,
    "\u05f3": OUT_OF_PLACE,
    "\u30fb": OUT_OF_PLACE,
    "\u0661\u06f1": "mixes two kinds of Arabic digits; use one kind",
    "\u06f1\u0661": "mixes two kinds of Arabic digits; use one kind",
    "an\u1160n": "has a part of an old Korean syllable; write whole syllables",
    "an\u0378n": "has a character that Unicode does not define yet; leave it out",
    "an\ue000n": "has a character that names cannot have; leave it out",
}


@pytest.mark.parametrize(("raw", "why"), REASONS.items(), ids=map(ascii, REASONS))
def test_refusal_of_a_name_is_in_plain_words(raw: str, why: str) -> None:
    with pytest.raises(CommandError) as caught:
        prepare_name(raw)
    assert caught.value.message == f"The name {why}"


ALL_CHARACTERS = list(map(chr, range(0x110000)))
# PRECIS goes through its input twice for each form, and once more to check each character.
MOST_WORK = 1024


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the characters that go into normalization and into PRECIS."""
    counts = [0]

    def counted(function: Callable[[str], str]) -> Callable[[str], str]:
        def call(text: str) -> str:
            result = function(text)
            counts[0] += max(len(text), len(result))
            return result

        return call

    for profile in (names._SHOWN, names._COMPARED):
        for step in ("apply_five_rules", "enforce"):
            monkeypatch.setattr(profile, step, counted(getattr(profile, step)))
    return counts


def test_no_repeated_character_is_expensive(work: list[int]) -> None:
    # Any other character takes no more than itself in every form.
    growing = [
        character
        for character in ALL_CHARACTERS
        if len(unicodedata.normalize("NFKC", character)) > 1 or len(character.casefold()) > 1
    ]
    assert "\ufdfa" in growing
    for character in ("a", "\u0301", "\U0001f600", *growing):
        for count in (2, MAX_NAME_CHARS, MAX_COMPOSED_CHARS, MAX_RAW_NAME_CHARS):
            work[0] = 0
            with suppress(CommandError):
                prepare_name(character * count)
            assert work[0] <= MOST_WORK, (ascii(character), count)


def test_composable_name_is_not_refused_for_its_length() -> None:
    longest = max(len(unicodedata.normalize("NFD", character)) for character in ALL_CHARACTERS)
    assert longest * MAX_NAME_CHARS <= MAX_COMPOSED_CHARS
    decomposed = unicodedata.normalize("NFD", "\u1f82" * MAX_NAME_CHARS)
    assert len(decomposed) == MAX_COMPOSED_CHARS
    assert len(prepare_name(decomposed).key) > 0


def test_surrounding_blanks_are_ignored_up_to_a_kilobyte() -> None:
    assert prepare_name("x" + " " * (MAX_RAW_NAME_CHARS - 1)).shown == "x"
    with pytest.raises(CommandError, match="longer than 32 characters"):
        prepare_name("x" + " " * MAX_RAW_NAME_CHARS)


def test_every_separator_is_a_blank() -> None:
    separators = [one for one in ALL_CHARACTERS if unicodedata.category(one) == "Zs"]
    for separator in separators:
        assert prepare_name("a" + separator * 900 + "b").shown == "a b"


@given(name=st.one_of(st.sampled_from(["Ann", "\u00c4nn  B", "ann b", "X" * 32]), st.text()))
def test_prepared_name_is_recognized(name: str) -> None:
    try:
        prepared = prepare_name(name)
    except CommandError:
        assume(condition=False)
    assert is_name(prepared.shown, prepared.key)
    assert not is_name(prepared.shown, prepared.key + "x")


@given(raw=st.from_regex("[A-Za-z0-9]{1,32}", fullmatch=True))
def test_ascii_shortcut_matches_precis(raw: str) -> None:
    shown = get_profile("NicknameCasePreserved").enforce(raw)
    assert prepare_name(raw) == Name(shown, get_profile("Nickname").enforce(raw))


@pytest.mark.parametrize("shown", ["", "x" * 33, "\x00"])
def test_invalid_name_is_not_recognized(shown: str) -> None:
    assert not is_name(shown, shown)

"""Names of users."""

import unicodedata
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from precis_i18n import get_profile

from trio_chat.access import names
from trio_chat.access.names import (
    MAX_COMPOSED_CHARS,
    MAX_NAME_CHARS,
    MAX_RAW_NAME_CHARS,
    is_name,
    prepare_name,
)
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import Name

EMPTY = ["", " \u3000\u2003 "]
TOO_LONG = ["x" * 33, "\U0001f600" * 33, "\ufb00" * 17]
MARKS = ["\u0301", "\u0301\u20dd", "\u00a8", "\u094d\u200d", "\u0301 \u0301"]
# The empty Braille pattern, the placeholder of an object, the null note head.
MARKS += ["\u2800", "\ufffc", "\U0001d159", "\u2800 \ufffc\u0301"]
# Directions, zero widths, the soft hyphen, a variation selector, and no character at all.
INVISIBLE = "\u202e\u2066\u200f\u200b\u200c\u200d\ufeff\u00ad\ufe0f\uffff"
EMOJI = ["\u2764\ufe0f", "\U0001f469\u200d\U0001f4bb", "1\ufe0f\u20e3"]
# For private use, a lone surrogate, a line separator.
OTHERS = ["an\ue000n", "an\ud800n", "an\u2028n"]

REASONS = {
    "is empty": EMPTY,
    "is longer than 32 characters; choose a shorter one": TOO_LONG,
    "must not begin with {": ["{x", " {x", "\uff5bx"],
    "has only marks or blanks; add a letter or a digit": MARKS,
    "has a control character, such as a tab or a line break; leave it out": [
        f"an{control}n" for control in "\0\n\t\x7f\x85"
    ],
    "has an invisible character; leave it out": [f"an{one}n" for one in INVISIBLE] + ["\ufe0fann"],
    "has an emoji of several parts; use a simple one, or none": EMOJI,
    "has a punctuation mark out of place; leave it out": [
        "a\u00b7b",
        "a\u0375",
        "\u05f3",
        "\u30fb",
    ],
    "mixes two kinds of Arabic digits; use one kind": ["\u0661\u06f1", "\u06f1\u0661"],
    "has a part of an old Korean syllable; write whole syllables": ["an\u1160n"],
    "has a character that Unicode does not define yet; leave it out": ["an\u0378n"],
    "has a character that names cannot have; leave it out": OTHERS,
}

BAD_NAMES = [name for names in REASONS.values() for name in names]

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


@pytest.mark.parametrize(
    ("raw", "why"), [(raw, why) for why, names in REASONS.items() for raw in names], ids=ascii
)
def test_bad_name_is_refused_with_a_reason(raw: str, why: str) -> None:
    with pytest.raises(CommandError) as caught:
        prepare_name(raw)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    assert caught.value.message == f"The name {why}"


@pytest.mark.parametrize(("raw", "name"), GOOD_NAMES.items(), ids=map(ascii, GOOD_NAMES))
def test_good_name_is_prepared(raw: str, name: Name) -> None:
    assert prepare_name(raw) == name


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

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import MAX_RAW_NAME_CHARS, Name, is_name, prepare_name

BAD_NAMES = {
    "nothing": "",
    "blanks only": " \u3000\u2003 ",
    "a mark only": "\u0301",
    "marks only": "\u0301\u20dd",
    "a blank and a mark": "\u00a8",
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
def test_a_bad_name_is_a_bad_request_that_says_why(raw: str) -> None:
    with pytest.raises(CommandError, match=r"^\(.*'The name [a-z ]+\w") as caught:
        prepare_name(raw)
    assert caught.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(("raw", "name"), GOOD_NAMES.items(), ids=map(ascii, GOOD_NAMES))
def test_a_good_name_is_prepared_for_showing_and_for_comparing(raw: str, name: Name) -> None:
    assert prepare_name(raw) == name


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", "The name is empty"),
        ("x" * 33, "The name is longer than 32 characters"),
        ("{x", "The name must not begin with {"),
        ("\u0301", "The name has only marks or blanks"),
        ("a\0", "The name has a character that is not allowed (controls)"),
        ("a\u200db", "The name has a character that is not allowed (zero width joiner)"),
    ],
)
def test_the_reason_is_meant_for_people(raw: str, why: str) -> None:
    with pytest.raises(CommandError) as caught:
        prepare_name(raw)
    assert caught.value.message == why


def test_what_can_never_become_a_name_is_refused_before_it_is_prepared() -> None:
    assert prepare_name("x" + " " * (MAX_RAW_NAME_CHARS - 1)).shown == "x"
    with pytest.raises(CommandError, match="longer than 32 characters"):
        prepare_name("x" + " " * MAX_RAW_NAME_CHARS)


@given(name=st.one_of(st.sampled_from(["Ann", "\u00c4nn  B", "ann b", "X" * 32]), st.text()))
def test_a_prepared_name_is_known_as_one(name: str) -> None:
    try:
        prepared = prepare_name(name)
    except CommandError:
        assume(condition=False)
    assert is_name(prepared.shown, prepared.key)
    assert not is_name(prepared.shown, prepared.key + "x")


@pytest.mark.parametrize("shown", ["", "x" * 33, "\x00"])
def test_what_cannot_be_shown_is_no_name(shown: str) -> None:
    assert not is_name(shown, shown)

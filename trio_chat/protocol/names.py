"""Names of users: what is allowed, and which are the same (docs/reference/wire.md)."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from attrs import frozen
from precis_i18n import get_profile

from trio_chat.errors import CommandError, ErrorCode

MAX_NAME_CHARS: Final = 32

MAX_RAW_NAME_CHARS: Final = 1024
"""Longest input that is looked at: a name, and a kilobyte of blanks around it."""

MAX_COMPOSED_CHARS: Final = 4 * MAX_NAME_CHARS
"""Longest input without repeated blanks. Normalization composes at most four characters into one
(a Greek letter and three marks), so longer input cannot become a name."""

MAX_NORMALIZED_CHARS: Final = 2 * MAX_NAME_CHARS
"""Longest normalized input. Normalization adds blanks (U+00A8 becomes a blank and a mark), which
RFC 8266 then merges, at most every second character. PRECIS checks each character in Python at
some microseconds, and one character can become 18, so the length counts before that check."""

# RFC 8266 names two forms: what is shown keeps its case, what is compared does not.
_SHOWN: Final = get_profile("NicknameCasePreserved")
_COMPARED: Final = get_profile("Nickname")

_BLANKS: Final = re.compile("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
"""The space separators of Unicode (Zs), which RFC 8266 section 2.1 maps to one ASCII space."""

_BLANK_SYMBOLS: Final = frozenset("\u2800\ufffc\U0001d159\U00013441\U00013442")
"""Symbols and letters without a visible shape: the empty Braille pattern, the placeholder of an
embedded object, the null note head, and two blank hieroglyphs."""

_JOIN_EMOJI: Final = ("\ufe0f", "\u200d")
"""Variation selector and zero width joiner: they make one picture of several code points."""

_KEYCAP: Final = "\u20e3"

_NO_SHORTER: Final = f"is longer than {MAX_NAME_CHARS} characters; choose a shorter one"

_REASONS: Final[Mapping[str, str]] = {
    "empty": "is empty",
    "precis_ignorable_properties": "has an invisible character; leave it out",
    "zero_width_joiner": "has an invisible character; leave it out",
    "zero_width_nonjoiner": "has an invisible character; leave it out",
    "middle_dot": "has a punctuation mark out of place; leave it out",
    "greek_keraia": "has a punctuation mark out of place; leave it out",
    "hebrew_punctuation": "has a punctuation mark out of place; leave it out",
    "katakana_middle_dot": "has a punctuation mark out of place; leave it out",
    "arabic_indic": "mixes two kinds of Arabic digits; use one kind",
    "extended_arabic_indic": "mixes two kinds of Arabic digits; use one kind",
    "controls": "has a control character, such as a tab or a line break; leave it out",
    "unassigned": "has a character that Unicode does not define yet; leave it out",
    "old_hangul_jamo": "has a part of an old Korean syllable; write whole syllables",
    "not_idempotent": "mixes characters that have no stable form; use simpler ones",
}
"""Tells people in plain words why PRECIS refuses a name, by the library's reason."""


@frozen
class Name:
    """A user's name.

    Attributes:
        shown: As the user wrote it, prepared by RFC 8266, its case preserved; 1 to 32 characters.
        key: The form RFC 8266 compares; two names with one key are one user.
    """

    shown: str
    key: str


def prepare_name(raw: str) -> Name:
    """Prepare a user name as RFC 8266 section 2.2 says.

    Raises:
        CommandError: ``bad_request``, if it is not a name; the message says why.
    """
    if raw.isascii() and raw.isalnum() and len(raw) <= MAX_NAME_CHARS:
        return Name(raw, raw.lower())  # as PRECIS has it, in a hundredth of the time
    if len(raw) > MAX_RAW_NAME_CHARS:
        raise _bad_name(_NO_SHORTER)
    single_spaced = _BLANKS.sub(" ", raw).strip(" ")
    if (
        len(single_spaced) > MAX_COMPOSED_CHARS
        or len(unicodedata.normalize("NFKC", single_spaced)) > MAX_NORMALIZED_CHARS
    ):
        raise _bad_name(_NO_SHORTER)
    try:
        shown = _SHOWN.enforce(single_spaced)
        key = _COMPARED.enforce(shown)
    except UnicodeEncodeError as error:
        raise _bad_name(_reason(error)) from error
    if len(shown) > MAX_NAME_CHARS:
        raise _bad_name(_NO_SHORTER)
    if shown.startswith("{"):
        raise _bad_name("must not begin with {")
    if all(map(_is_blank, shown)):
        raise _bad_name("has only marks or blanks; add a letter or a digit")
    return Name(shown, key)


def is_name(shown: str, key: str) -> bool:
    """Whether a user who is shown so is compared so, and so no other user is shown the same.

    For what other nodes say, who have prepared the name.
    """
    if not 0 < len(shown) <= MAX_NAME_CHARS:
        return False
    if shown.isascii() and shown.isalnum():  # as most are: a hundredth of the time
        return key == shown.lower()
    try:
        return key == _COMPARED.enforce(shown)
    except UnicodeEncodeError:
        return False


def _is_blank(character: str) -> bool:
    """Whether a character has no shape of its own: a mark, a separator, a joiner, or blank."""
    return unicodedata.category(character)[0] in "MZC" or character in _BLANK_SYMBOLS


def _reason(error: UnicodeEncodeError) -> str:
    """Say in plain words why PRECIS refuses a name."""
    name, at = error.object, error.start
    if name[at : at + 1] in _JOIN_EMOJI:
        before, after = name[:at][-1:], name[at + 1 : at + 2]
        if after == _KEYCAP or (before and unicodedata.category(before)[0] == "S"):
            return "has an emoji of several parts; use a simple one, or none"
    # The library's reasons look like "DISALLOWED/controls".
    kind = error.reason.rpartition("/")[2]
    return _REASONS.get(kind, "has a character that names cannot have; leave it out")


def _bad_name(why: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, f"The name {why}")

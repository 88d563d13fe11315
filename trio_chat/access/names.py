"""The rules for names of users, by RFC 8266 (docs/reference/wire.md).

`trio_chat.protocol.session` prepares the name of each client, `trio_chat.access.tokens` the one
that a token proves.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from precis_i18n import get_profile

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.names import Name

MAX_NAME_CHARS: Final = 32

MAX_RAW_NAME_CHARS: Final = 1024
"""The longest input: a name in a kilobyte of blanks."""

# Input without repeated blanks. Normalization composes at most four characters into one (a Greek
# letter and three marks), so longer input cannot become a name.
MAX_COMPOSED_CHARS: Final = 4 * MAX_NAME_CHARS

# Normalized input has at most one blank more for each character (U+00A8 becomes a blank and a
# mark). This comes before PRECIS, which takes microseconds for each character: one can become 18.
MAX_NORMALIZED_CHARS: Final = 2 * MAX_NAME_CHARS

# RFC 8266 has two forms: the displayed one keeps its case, the compared one does not.
_SHOWN: Final = get_profile("NicknameCasePreserved")
_COMPARED: Final = get_profile("Nickname")

# The space separators of Unicode (Zs), which RFC 8266 section 2.1 maps to one ASCII space.
_BLANKS: Final = re.compile("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")

# The empty Braille pattern, the placeholder of an object, the null note head, and two blank
# hieroglyphs have no visible shape.
_BLANK_SYMBOLS: Final = frozenset("\u2800\ufffc\U0001d159\U00013441\U00013442")

# Variation selector and zero width joiner: they make one picture of several code points.
_JOIN_EMOJI: Final = ("\ufe0f", "\u200d")
_KEYCAP: Final = "\u20e3"

_NO_SHORTER: Final = f"is longer than {MAX_NAME_CHARS} characters; choose a shorter one"

_INVISIBLE: Final = "has an invisible character; leave it out"
_MISPLACED: Final = "has a punctuation mark out of place; leave it out"
_TWO_KINDS: Final = "mixes two kinds of Arabic digits; use one kind"

_REASONS: Final[Mapping[str, str]] = {
    "empty": "is empty",
    "precis_ignorable_properties": _INVISIBLE,
    "zero_width_joiner": _INVISIBLE,
    "zero_width_nonjoiner": _INVISIBLE,
    "middle_dot": _MISPLACED,
    "greek_keraia": _MISPLACED,
    "hebrew_punctuation": _MISPLACED,
    "katakana_middle_dot": _MISPLACED,
    "arabic_indic": _TWO_KINDS,
    "extended_arabic_indic": _TWO_KINDS,
    "controls": "has a control character, such as a tab or a line break; leave it out",
    "unassigned": "has a character that Unicode does not define yet; leave it out",
    "old_hangul_jamo": "has a part of an old Korean syllable; write whole syllables",
    "not_idempotent": "mixes characters that have no stable form; use simpler ones",
}
"""Why PRECIS refuses a name, in plain words, by the library's reason."""


def prepare_name(raw: str) -> Name:
    """Return a user name, prepared by RFC 8266 section 2.2.

    Raises:
        CommandError: ``bad_request``: not a name; the message says why.
    """
    if raw.isascii() and raw.isalnum() and len(raw) <= MAX_NAME_CHARS:
        return Name(raw, raw.lower())  # the same result as PRECIS, in a hundredth of the time
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
    """Whether `key` belongs to the displayed name; checks names that other nodes have prepared."""
    if not 0 < len(shown) <= MAX_NAME_CHARS:
        return False
    if shown.isascii() and shown.isalnum():  # most names, in a hundredth of the time
        return key == shown.lower()
    try:
        return key == _COMPARED.enforce(shown)
    except UnicodeEncodeError:
        return False


def _is_blank(character: str) -> bool:
    return unicodedata.category(character)[0] in "MZC" or character in _BLANK_SYMBOLS


def _reason(error: UnicodeEncodeError) -> str:
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

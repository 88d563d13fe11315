"""Names of users: what is allowed, and which are the same (PROTOCOL.md section 2)."""

import unicodedata
from typing import Final

from attrs import frozen
from precis_i18n import get_profile

from trio_chat.errors import CommandError, ErrorCode

MAX_NAME_CHARS: Final = 32

# PRECIS looks at each character several times. Nothing near this long can become a name of 32
# characters, short of a kilobyte of blanks, so longer input is refused before it is prepared.
MAX_RAW_NAME_CHARS: Final = 1024

# RFC 8266 names two forms: what is shown keeps its case, what is compared does not.
_SHOWN: Final = get_profile("NicknameCasePreserved")
_COMPARED: Final = get_profile("Nickname")


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
    if len(raw) > MAX_RAW_NAME_CHARS:
        raise _bad_name(f"is longer than {MAX_NAME_CHARS} characters")
    try:
        shown = _SHOWN.enforce(raw)
        key = _COMPARED.enforce(shown)
    except UnicodeEncodeError as error:
        raise _bad_name(_reason(error)) from error
    if len(shown) > MAX_NAME_CHARS:
        raise _bad_name(f"is longer than {MAX_NAME_CHARS} characters")
    if shown.startswith("{"):
        raise _bad_name("must not begin with {")
    if all(unicodedata.category(character)[0] in "MZ" for character in shown):
        raise _bad_name("has only marks or blanks")
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


def _reason(error: UnicodeEncodeError) -> str:
    # The library's reasons look like "DISALLOWED/controls".
    kind = error.reason.rpartition("/")[2].replace("_", " ")
    return "is empty" if kind == "empty" else f"has a character that is not allowed ({kind})"


def _bad_name(why: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, f"The name {why}")

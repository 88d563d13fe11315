"""The rules for rooms, labels and texts (docs/reference/wire.md).

`trio_chat.access.names` has those for the names of users.
"""

import re
from typing import Final, TypeGuard

from attrs import frozen

from trio_chat.errors import CommandError, ErrorCode

MAX_LABEL_CHARS: Final = 64

ROOM_SPELLING: Final = "1 to 64 of a-z 0-9 . _ - and begin with a letter or a digit"
LABEL_SPELLING: Final = f"1 to {MAX_LABEL_CHARS} visible ASCII characters"
"""The rule for devices, refs and ids, to follow "must be"."""

ROOM_PATTERN: Final = "[a-z0-9][a-z0-9._-]{0,63}"
"""`ROOM_SPELLING` as a regular expression."""

_ROOM: Final = re.compile(ROOM_PATTERN)


@frozen
class Name:
    """A user's name: as displayed, and the key that RFC 8266 compares, the same for each user.

    The displayed form is prepared by RFC 8266, case preserved; it has 1 to 32 characters.
    """

    shown: str
    key: str


def is_room(value: object) -> TypeGuard[str]:
    """Whether this is a valid name of a room."""
    return isinstance(value, str) and _ROOM.fullmatch(value) is not None


def is_label(value: object) -> TypeGuard[str]:
    """Whether this is a valid device, ref or id."""
    # Each message with a ref comes here: this takes half the time of a regular expression.
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_LABEL_CHARS
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def name_subject(error: CommandError, ref: object, room: object) -> None:
    """Put the ref and the room of a command into its error, unless they are invalid."""
    if is_label(ref):
        error.ref = ref
    if is_room(room):
        error.room = room


# --- texts -------------------------------------------------------------------------------------

# The property White_Space of Unicode. ``str.strip()`` without an argument also removes the
# separators U+001C to U+001F, which are control characters and not white space.
WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_NO_WHITE_SPACE: Final = "\x1c\x1d\x1e\x1f"


def prepare_text(raw: str, max_chars: int) -> str:
    """Return the text of a message, trimmed, of at most ``max_chars`` code points.

    Raises:
        CommandError: ``bad_request`` if the text is empty or has a NUL (PostgreSQL cannot store
            one), ``too_large`` if it is too long.
    """
    text = raw.strip()
    if text != raw:
        text = _trimmed(raw, text)
    if not text:
        raise CommandError(ErrorCode.BAD_REQUEST, "The message is empty")
    if len(text) > max_chars:
        raise CommandError(
            ErrorCode.TOO_LARGE, f"The message is longer than {max_chars} characters"
        )
    if "\0" in text:
        raise CommandError(ErrorCode.BAD_REQUEST, "The message contains a NUL character")
    return text


def _trimmed(raw: str, text: str) -> str:
    """Return ``raw.strip(WHITE_SPACE)``, given ``raw.strip()``, in an eighth of the time.

    Otherwise 64 KiB of blanks, which arrive in 100 bytes when deflated, would take 1.2 ms.
    """
    begin = len(raw) - len(raw.lstrip()) if text else len(raw)
    end = begin + len(text) if text else 0
    for separator in _NO_WHITE_SPACE:
        if (first := raw.find(separator, 0, begin)) >= 0:
            begin = first
        if (last := raw.rfind(separator, end)) >= 0:
            end = last + 1
    return raw[begin:end]

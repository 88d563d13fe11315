"""Refuses a large frame by its shape, before anything reads it as JSON.

`trio_chat.protocol.session` looks here first. To read 20,000 empty objects takes a millisecond of
the event loop; to count their commas takes a hundredth of that.
"""

import re
from typing import Final

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.spelling import say_what_it_is_about

LARGE_CHARS: Final = 1024
"""Frames up to this length take microseconds to read, whatever they hold. A longer one costs a
token of the user's message rate, whatever it turns out to be."""

OTHER_PARTS: Final = 64
"""Values that an object may have beside its text: more than all keys of all commands."""

_BLANKS: Final = " \t\r\n"

_LABELS: Final = {
    key: re.compile(rf'(?<!\\)"{key}"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]{{1,64}})"')
    for key in ("ref", "room")
}
"""Finds a key and its value. JSON escapes a quote inside a string, so no text is taken for one."""


def check_shape(text: str, max_text_chars: int) -> None:
    """Refuse an object that is none, or that has thousands of parts.

    Args:
        text: A frame that should be an object, longer than `LARGE_CHARS`.
        max_text_chars: The most characters of a message. An object with more commas than that and
            `OTHER_PARTS` holds a longer message, or values that no command has.

    Raises:
        CommandError: ``bad_request`` or ``too_large``, with the ref and the room as far as they
            can be found.
    """
    if not text.lstrip(_BLANKS).startswith("{"):
        raise CommandError(ErrorCode.BAD_REQUEST, "A JSON object is expected")
    if text.count(",") > max_text_chars + OTHER_PARTS:
        error = CommandError(ErrorCode.TOO_LARGE, "The message is too long, or has too many parts")
        say_what_it_is_about(error, _label(text, "ref"), _label(text, "room"))
        raise error


def _label(text: str, key: str) -> str | None:
    found = _LABELS[key].search(text)
    return found[1] if found else None

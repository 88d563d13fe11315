"""How rooms, devices, refs and ids are spelled (docs/reference/wire.md)."""

import re
from typing import Final, TypeGuard

from trio_chat.errors import CommandError

MAX_LABEL_CHARS: Final = 64

ROOM_SPELLING: Final = "1 to 64 of a-z 0-9 . _ - and begin with a letter or a digit"
LABEL_SPELLING: Final = f"1 to {MAX_LABEL_CHARS} visible ASCII characters"
"""Of a device, a ref or an id: to be put behind "must be"."""

ROOM_PATTERN: Final = "[a-z0-9][a-z0-9._-]{0,63}"
"""A regular expression of the same."""

_ROOM: Final = re.compile(ROOM_PATTERN)


def is_room(value: object) -> TypeGuard[str]:
    """Whether this can be the name of a room."""
    return isinstance(value, str) and _ROOM.fullmatch(value) is not None


def is_label(value: object) -> TypeGuard[str]:
    """Whether this can be a device, a ref or an id."""
    # Half of what a regular expression takes: with every message that has a ref.
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_LABEL_CHARS
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def say_what_it_is_about(error: CommandError, ref: object, room: object) -> None:
    """Put into an error what the command called itself and where it was meant for.

    Args:
        error: To be answered.
        ref: As it came; passed over unless it is well spelled.
        room: The same.
    """
    if is_label(ref):
        error.ref = ref
    if is_room(room):
        error.room = room

"""Checks the result of decoding any input."""

import re
from typing import Any, get_type_hints

import attrs

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import Command
from trio_chat.protocol.decode import MAX_WHOLE

ALLOWED: dict[object, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    str | None: (str, type(None)),
    int | None: (int, type(None)),
    Any: (type(None),),  # a client cannot set the member of a request
}


def check_decoded(outcome: Command | CommandError) -> None:
    """Check the exact types and bounds of the result."""
    if isinstance(outcome, CommandError):
        assert outcome.code is ErrorCode.BAD_REQUEST
        assert outcome.message
        assert outcome.retry_after_ms is None
        assert outcome.ref is None or re.fullmatch(r"[!-~]{1,64}", outcome.ref)
        assert outcome.room is None or re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", outcome.room)
        return
    hints = get_type_hints(type(outcome))
    for name, value in attrs.asdict(outcome).items():
        assert type(value) in ALLOWED[hints[name]], name
        if type(value) is int:
            assert 0 <= value <= MAX_WHOLE

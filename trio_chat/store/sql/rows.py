"""Checks the values of rows that were read, because SQLite keeps any type in any column.

One flipped bit in a file turns a text into bytes, or a number into a text. Every value that leaves
`trio_chat.store.sql` passes a check of this file, or of `pages` for events.
"""

import hashlib
from typing import Any, Final, TypeGuard

from sqlalchemy import Connection

from trio_chat.errors import DamagedData
from trio_chat.protocol.events import Event, Kind
from trio_chat.store.sql import statements as sql

MAX_SEQ: Final = (1 << 53) - 1
"""JavaScript reads no larger number exactly."""

MAX_TS: Final = 253_402_214_400_000
"""The last day of the year 9999: a `datetime` can show no later one in every zone."""

PLACEHOLDER: Final = "This event is damaged and cannot be shown."


class Undecodable(str):
    """A text that is not UTF-8 in the database, with U+FFFD in place of each bad byte."""

    __slots__ = ()


def decode(data: bytes) -> str:
    """Decode a text of SQLite; an `Undecodable` if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Undecodable(data.decode(errors="replace"))


def is_seq(value: object) -> TypeGuard[int]:
    """Whether this can be the ``seq`` of an event."""
    return type(value) is int and 0 < value <= MAX_SEQ


def is_ts(value: object) -> TypeGuard[int]:
    """Whether this can be a time in milliseconds since 1970 UTC."""
    return type(value) is int and 0 <= value <= MAX_TS


def is_epoch(value: object) -> TypeGuard[str]:
    """Whether this can be an epoch: visible ASCII."""
    return type(value) is str and value.isascii() and value.isprintable() and value != ""


def damaged(what: str, room: str | None = None, seq: object = None) -> DamagedData:
    """Return the error to raise for a row whose values have the wrong types."""
    return DamagedData(f"{what} in the database is damaged", room, seq if is_seq(seq) else None)


def placeholder(room: str, seq: int, ts: int) -> Event:
    """Return the event that is shown in place of a damaged one."""
    return Event(seq, _placeholder_id(room, seq), room, Kind.DAMAGED, None, PLACEHOLDER, ts)


def ts_before(connection: Connection, room: str, seq: int) -> int:
    """Return the time of the newest sound event before this one; 0 if none is near."""
    times: list[Any] = list(
        connection.execute(sql.TIMES_BEFORE, {"in_room": room, "bound": seq}).scalars()
    )
    return next(filter(is_ts, times), 0)


def _placeholder_id(room: str, seq: int) -> str:
    digest = hashlib.sha256(f"{room}\0{seq}".encode()).hexdigest()
    return f"damaged-{digest[:24]}"

"""Checks the values of rows, since SQLite accepts any type in any column.

One flipped bit turns a text into bytes, or a number into a text. Each value that leaves
`trio_chat.store.sql` passes a check of this file, or of `pages`.
"""

import hashlib
from typing import Any, Final, TypeGuard

from sqlalchemy import Connection

from trio_chat.errors import DamagedData
from trio_chat.protocol.events import Event, Kind
from trio_chat.store.sql import statements as sql

MAX_SEQ: Final = (1 << 53) - 1
"""The largest integer that JavaScript represents exactly."""

MAX_TS: Final = 253_402_214_400_000
"""The last day of 9999: the latest that a `datetime` can represent in every time zone."""

PLACEHOLDER: Final = "This event is damaged and cannot be shown."


class Undecodable(str):
    """A text that is not UTF-8 in the database, with U+FFFD in place of each bad byte."""

    __slots__ = ()


def decode(data: bytes) -> str:
    """Decode a text of SQLite; returns an `Undecodable` if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Undecodable(data.decode(errors="replace"))


def is_seq(value: object) -> TypeGuard[int]:
    """Return whether a value is a valid ``seq``."""
    return type(value) is int and 0 < value <= MAX_SEQ


def is_ts(value: object) -> TypeGuard[int]:
    """Return whether a value is a valid time in milliseconds since 1970 UTC."""
    return type(value) is int and 0 <= value <= MAX_TS


def is_epoch(value: object) -> TypeGuard[str]:
    """Return whether a value is a valid epoch: visible ASCII."""
    return type(value) is str and value.isascii() and value.isprintable() and value != ""


def damaged(what: str, room: str | None = None, seq: object = None) -> DamagedData:
    """Return the exception for a row with values of the wrong type."""
    return DamagedData(f"{what} in the database is damaged", room, seq if is_seq(seq) else None)


def placeholder(room: str, seq: int, ts: int) -> Event:
    """Return the event that replaces a damaged one on a page."""
    return Event(seq, _placeholder_id(room, seq), room, Kind.DAMAGED, None, PLACEHOLDER, ts)


def ts_before(connection: Connection, room: str, seq: int) -> int:
    """Return the time of the nearest undamaged event before a ``seq``; 0 without one."""
    times: list[Any] = list(
        connection.execute(sql.TIMES_BEFORE, {"in_room": room, "bound": seq}).scalars()
    )
    return next(filter(is_ts, times), 0)


def _placeholder_id(room: str, seq: int) -> str:
    digest = hashlib.sha256(f"{room}\0{seq}".encode()).hexdigest()
    return f"damaged-{digest[:24]}"

"""What a database's failures mean here. They are translated once, in this file."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from trio_chat.errors import Outage

DATA_FAULTS: Final = (
    exc.DataError,
    exc.IntegrityError,
    # By the drivers, before anything is sent: a lone surrogate, or a number past 64 bits.
    UnicodeError,
    OverflowError,
)
"""The database will not have what it was given, now or later. All else is an outage: then the same
may well pass the next time."""

# Of libpq: who reads a reason knows where the database is, others need not.
_SERVER: Final = re.compile(r"connection to server (at|on socket) .*? failed: ")


def reason(error: BaseException) -> str:
    """Say in one line what has gone wrong, without parameters and passwords."""
    if isinstance(error, exc.TimeoutError):
        return "all connections to the database are taken"
    said = getattr(error, "orig", None) or error
    lines = str(said).strip().splitlines()
    return _SERVER.sub("", lines[0]) if lines else type(said).__name__


@contextmanager
def outages() -> Iterator[None]:
    """Turn what the database raises within into an `Outage` that says why.

    Raises:
        Outage: The database is out of reach, full, locked, or not what it should be.
    """
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise Outage(reason(error)) from error

"""Translates the failures of databases, once, in this file.

A driver's message may quote data of the database, so none is passed on: each failure has words
of our own, chosen by its code.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from trio_chat.errors import DamagedData, Outage

DATA_FAULTS: Final = (
    exc.DataError,
    exc.IntegrityError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    # Raised by the drivers before sending: a lone surrogate, or a number beyond 64 bits.
    UnicodeError,
    OverflowError,
)
"""The database refuses a value for good. Any other failure is an outage, and a retry may pass."""

FAILURES: Final = (exc.SQLAlchemyError, sqlite3.Error)
"""The exceptions of a database, through SQLAlchemy or a driver's cursor."""

# The pool logs a traceback for each connection that breaks while a call uses it. The call raises an
# `Outage` for the same failure, and that is one line.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)

UNDECODABLE: Final = "a text in the database is not UTF-8"

_DAMAGED: Final = "the database is damaged"

# By SQLite's primary result code.
_SQLITE: Final = {
    sqlite3.SQLITE_PERM: "the file may not be accessed",
    sqlite3.SQLITE_BUSY: "another process has locked the file",
    sqlite3.SQLITE_LOCKED: "another process has locked the file",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "another process has locked the file",
    sqlite3.SQLITE_AUTH: "the file may not be accessed",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_ERROR: "a statement failed: its tables are not as this version made them",
    sqlite3.SQLITE_SCHEMA: "its tables were changed",
}

# By PostgreSQL's SQLSTATE, or by the first two characters of it: its class.
_POSTGRES: Final = {
    "08": "the connection was lost",
    "0A000": "it does not support a statement",
    "22": "it does not accept a value",
    "23": "it does not accept a value",
    "25006": "the database is read-only",
    "25P03": "it ended a transaction that took too long",
    "28P01": "the password is wrong",
    "28": "it does not accept this user",
    "3D000": "unknown database",
    "40": "another transaction was in the way",
    "42501": "the user may not do that",
    "42": "a statement failed: its tables are not as this version made them",
    "53100": "the disk is full",
    "53200": "out of memory",
    "53300": "it has no connections left",
    "53": "it is short of resources",
    "55P03": "a lock was not released in time",
    "57014": "a statement took too long",
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed",
    "57P03": "the server is starting up or shutting down",
    "58": "the disk reports an error",
    "XX": _DAMAGED,
}

# libpq's errors while it connects have no code. They cannot quote a message of the chat.
_CONNECTING: Final = {
    "Connection refused": "Connection refused",
    "password authentication failed": "password authentication failed",
    "no password supplied": "it requires a password",
    "no pg_hba.conf entry": "it does not accept this user from this address",
    "translate host name": "unknown host name",
    "resolve host": "unknown host name",
    "No route to host": "no route to the host",
    "Network is unreachable": "the network is unreachable",
    "No such file or directory": "the socket does not exist",
    "no answer within": "it did not answer in time",
    "timeout": "it did not answer in time",
    "timed out": "it did not answer in time",
    "starting up": "the server is starting up or shutting down",
    "shutting down": "the server is starting up or shutting down",
    "not yet accepting": "the server is starting up or shutting down",
    "recovery": "the server is starting up or shutting down",
    "too many": "it has no connections left",
    "connection slots": "it has no connections left",
    "does not exist": "unknown database or user",
    "permission denied": "the user may not connect to this database",
    "certificate": "its certificate was not accepted",
    "SSL": "the encrypted connection failed",
    "startup parameter": "a connection pooler refuses the settings of a connection",
    "closed the connection": "the connection was lost",
    "reset by peer": "the connection was lost",
}


def reason(error: BaseException) -> str:
    """Return the reason of a failure in one line, which quotes nothing of the database."""
    if isinstance(error, Outage):
        return str(error)
    if isinstance(error, exc.TimeoutError):
        return "all connections to the database are taken"
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_reason(cause)
    return _postgres_reason(cause)


def is_undecodable(error: exc.DBAPIError | sqlite3.Error) -> bool:
    """Return whether a read failed on a text that is not UTF-8, which only SQLite can hold."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    # The driver raises this, so it has no code of SQLite.
    return isinstance(cause, sqlite3.OperationalError) and not _code(cause)


def is_damage(error: exc.DBAPIError | sqlite3.Error) -> bool:
    """Return whether data in the database is damaged, so that other calls may succeed."""
    return is_undecodable(error) or reason(error) == _DAMAGED


@contextmanager
def outages() -> Iterator[None]:
    """Translate the exceptions of the database within the block.

    Raises:
        DamagedData: The database answers, but its data is damaged.
        Outage: The database is unreachable, full, locked, or has unexpected tables.
    """
    try:
        yield
    except FAILURES as error:
        raise translated(error) from error


def translated(error: exc.SQLAlchemyError | sqlite3.Error) -> DamagedData | Outage:
    """Return the exception that `outages` raises for a failure."""
    if isinstance(error, exc.DBAPIError | sqlite3.Error) and is_damage(error):
        return DamagedData(reason(error))
    return Outage(reason(error))


def _code(error: sqlite3.Error) -> int:
    # The low byte of an extended code is the primary code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _sqlite_reason(error: sqlite3.Error) -> str:
    code = _code(error)
    if not code:
        return UNDECODABLE if isinstance(error, sqlite3.OperationalError) else type(error).__name__
    return _SQLITE.get(code, f"SQLite reports error {code}")


def _postgres_reason(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    if state:
        return _POSTGRES.get(state, _POSTGRES.get(state[:2], f"PostgreSQL reports {state}"))
    message = str(error)
    known = (words for part, words in _CONNECTING.items() if part in message)
    return next(known, f"the driver reports {type(error).__name__}")

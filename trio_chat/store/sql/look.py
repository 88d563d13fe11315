"""Looks at an SQLite file before the store opens it, and changes nothing.

Opening a file as a store switches it to write-ahead mode, makes files beside it and migrates it. So
the server first checks that the file is an undamaged store, or empty: the last connection that
closes writes the whole write-ahead log into the file, even into a foreign one.
"""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, exc
from sqlalchemy.pool import NullPool

from trio_chat.errors import StartError
from trio_chat.store.sql.errors import is_damage
from trio_chat.store.sql.migrate import refuse_foreign

# Another process locks the file only during start or close.
_WAIT_SECONDS: Final = 4.0

# A check of this size takes 0.2 s; a larger one would delay the start.
_CHECKED_BYTES: Final = 64 * 1024 * 1024


def refuse_foreign_file(path: Path, name: str) -> None:
    """Check that the file is a store of this version or an older one, or that it has no tables yet.

    Args:
        path: The file, which may be missing.
        name: The name of the store in messages.

    Raises:
        StartError: It is no store, or one of a newer version.
        SQLAlchemyError: It is no database.
        OSError: It cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    # SQLite would wait for a named pipe forever.
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise StartError(f"cannot open the store {name}: it is {what}")
    # Only with an index can SQLite read the write-ahead log without creating a file.
    reads_wal = _beside(path, "-shm").exists() and _has_content(_beside(path, "-wal"))
    with _reading(path, reads_wal=reads_wal) as connection:
        refuse_foreign(connection, name)


def refuse_damaged_file(path: Path) -> None:
    """Check a file for damage, unless it is too large.

    If a write-ahead log lies beside the file, SQLite may make an index for it.

    Args:
        path: The file, which may be missing.

    Raises:
        StartError: The file is damaged, or the write-ahead log beside it damages it.
        SQLAlchemyError: It is no database.
        OSError: It cannot be read.
    """
    # A rollback journal repairs the file when the store opens it.
    if not _has_content(path) or _beside(path, "-journal").exists():
        return
    if path.stat().st_size > _CHECKED_BYTES:
        return
    reads_wal = _has_content(_beside(path, "-wal"))
    with _reading(path, reads_wal=reads_wal) as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise StartError(_damaged(path))


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Explain damage that a statement within the block finds.

    Raises:
        StartError: SQLite found damage.
    """
    try:
        yield
    except exc.DBAPIError as error:
        if is_damage(error):
            raise StartError(_damaged(path)) from error
        raise


def _damaged(path: Path) -> str:
    # The two remedies help more than the message of SQLite.
    return (
        f"the store {path} is damaged. If a copy was put there, a -wal or -shm file of another "
        "database may be left beside it: put the copy there again and remove both; "
        "otherwise restore a backup"
    )


@contextmanager
def _reading(path: Path, *, reads_wal: bool) -> Iterator[Connection]:
    options = "mode=ro" if reads_wal else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path))}?{options}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        yield connection


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0

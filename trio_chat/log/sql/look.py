"""Looks at an SQLite file before the log opens it, and changes nothing.

To open a file as a log switches it to write-ahead mode, makes files beside it and migrates it. So
a refused start must find out first that the file is a log, or empty.
"""

import sqlite3
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from trio_chat.errors import StartError
from trio_chat.log.sql.migrate import refuse_foreign

# A lock that somebody holds while it starts or closes; longer is a fault.
_WAIT_SECONDS: Final = 4.0


def refuse_foreign_file(path: Path, shown: str) -> None:
    """Check that the file is a log of this version or an older one, or that it has no tables yet.

    Args:
        path: Of the file, which may be missing.
        shown: The name of the log in messages.

    Raises:
        StartError: It is something else, or of a newer version.
        SQLAlchemyError: It is no database.
        OSError: It cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    # SQLite would wait for a named pipe for ever.
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise StartError(f"cannot open the log {shown}: it is {what}")
    engine = create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=NullPool)
    with engine.connect() as connection:
        refuse_foreign(connection, shown)


def _read_only(path: Path) -> sqlite3.Connection:
    """Open the file in a way that makes nothing beside it."""
    wal, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    # Only with both of them can SQLite read the write-ahead log without making a file.
    # Without, the file itself says all that can be known.
    immutable = not (index.exists() and wal.exists() and wal.stat().st_size)
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, timeout=_WAIT_SECONDS)

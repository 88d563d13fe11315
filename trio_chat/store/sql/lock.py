"""Locks that allow one process per store, unless nodes share it over a backplane."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trio_chat.errors import Outage, StartError

POSTGRES_LOCK: Final = 0x7472_696F_0001
"""The advisory lock of the one process, or of all nodes together, within one database."""

MIGRATION_LOCK: Final = 0x7472_696F_0002
"""The advisory lock of the process that migrates the tables."""


class Taken(Outage):
    """Another process has the store, and one of the two does not share it."""


@contextmanager
def locked_file(database: Path) -> Iterator[None]:
    """Hold a lock file beside an SQLite file within the block; the file remains, the lock does not.

    The database itself cannot serve: SQLite locks it in each transaction, and closing any
    descriptor of the file releases all locks.

    Args:
        database: The file, without symbolic links, so that two names of one store share one lock.

    Raises:
        StartError: Another process has the store.
        OSError: The lock file cannot be created.
    """
    path = database.with_name(f"{database.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            raise StartError(
                f"another process ({owner or 'unknown'}) has the store {database}: "
                "one store, one server"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        yield
    finally:
        os.close(descriptor)

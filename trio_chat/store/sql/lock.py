"""One process per log, unless nodes tell each other what they log."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trio_chat.errors import Outage, StartError

POSTGRES_LOCK: Final = 0x7472_696F_0001
"""The advisory lock of the one process, or of all nodes together; of this database, as all advisory
locks are."""

MIGRATION_LOCK: Final = 0x7472_696F_0002
"""The advisory lock of who changes the tables."""


class Taken(Outage):
    """Another process has the store, and it is not to be shared."""


@contextmanager
def locked_file(database: Path) -> Iterator[None]:
    """Hold the lock file beside an SQLite file; it stays behind, the lock ends with the process.

    Not the database itself: SQLite's own locks come and go with each transaction, and are let go
    when any descriptor of the file is closed.

    Args:
        database: The file, without symbolic links: two names of one store have one lock.

    Raises:
        StartError: Another process has it.
        OSError: The lock file cannot be made.
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

"""Makes the connections to an SQLite file in write-ahead mode: one writer, several readers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from trio_chat.store.sql.file import FileMoved, OpenedFile
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.rows import decode
from trio_chat.store.sql.sqlite_statements import BEGIN, driver_of

Sync = Literal["full", "normal"]

WAIT_SECONDS: Final = 4.0
"""Maximum wait for a lock or a connection; each call must end within 5 s."""

WAL_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""SQLite truncates the write-ahead log to this size. It restarts the log at 4 MiB if nothing reads;
the rest is for commits in the meantime. Without a limit the log never shrinks."""

_LENIENT: Final = partial(str, encoding="utf-8", errors="replace")


def create_file(database: Path) -> None:
    """Create a missing file, private to its owner; SQLite copies this mode for its other files.

    Raises:
        OSError: The file cannot be created.
    """
    with suppress(FileExistsError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def writer(database: Path, sync: Sync, file: OpenedFile) -> Engine:
    """Make the engine that writes: one connection for batches, and one for other writes.

    Each transaction holds the lock of the file.
    """
    engine = _engine(database, Pool(size=2, overflow=0), sync, file, only_reads=False)

    @event.listens_for(engine, "begin")
    def take_the_lock(connection: Connection) -> None:
        connection.exec_driver_sql(BEGIN)

    return engine


def readers(database: Path, sync: Sync, pool: Pool, file: OpenedFile) -> Engine:
    """Make the engine of the connections that read, without transactions."""
    return _engine(database, pool, sync, file, only_reads=True)


def empty_write_ahead_log(engine: Engine) -> bool:
    """Copy the write-ahead log into the database file, and truncate the log.

    Returns:
        Whether it succeeded; a long read prevents it.
    """
    with engine.connect() as connection:
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return not is_busy


def check_file(file: OpenedFile, engine: Engine) -> None:
    """Check that the paths still lead to the opened files.

    If one does not, first copy the write-ahead log into the opened database, through the open
    descriptors. Then a removed log holds no missing commit, and a log that remains beside another
    database cannot damage it.

    Args:
        file: The opened files.
        engine: An engine with an open connection. A new connection would open the file that is now
            at the path of the log, so the engine refuses it.

    Raises:
        FileMoved: A path leads to no file, or to another one.
    """
    try:
        file.check()
    except FileMoved:
        with suppress(exc.SQLAlchemyError, FileMoved):
            empty_write_ahead_log(engine)
        raise


@contextmanager
def replacing_undecodable(connection: Connection) -> Iterator[None]:
    """Read invalid UTF-8 as `Undecodable` within the block; each text takes twice as long."""
    driver = driver_of(connection)
    driver.text_factory = decode
    try:
        yield
    finally:
        driver.text_factory = str


def _engine(
    database: Path, pool: Pool, sync: Sync, file: OpenedFile, *, only_reads: bool
) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(database)),
        # None: the driver would begin a transaction only at the first write.
        connect_args={"timeout": WAIT_SECONDS, "isolation_level": None, "check_same_thread": False},
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=WAIT_SECONDS,
        # Errors name the statement, but must not quote messages of people.
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def refuse_another_file(*_: object) -> None:
        # With our write-ahead log beside it, even a read would damage another file. And each
        # connection must use the same write-ahead log.
        file.check()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {sync}",
            "secure_delete = ON",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
            # Temporary data must not reach another file.
            "temp_store = MEMORY",
            f"query_only = {int(only_reads)}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not only_reads:
            # The writer reads a few short texts. A damaged one must not fail the batch.
            connection.text_factory = _LENIENT

    return engine

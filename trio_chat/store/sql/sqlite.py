"""Connections to an SQLite file: write-ahead log, one that writes, readers beside it."""

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
"""How long a call waits for a lock or a connection: it is to end within 5 s."""

WAL_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""The write-ahead log is cut back to this. SQLite starts over in it at 4 MiB when nobody reads; the
rest is for commits that come meanwhile. Without a limit it stays as large as it has ever been."""

_LENIENT: Final = partial(str, encoding="utf-8", errors="replace")


def create_file(database: Path) -> None:
    """Make the file if there is none, for its owner alone; SQLite gives its others the same mode.

    Raises:
        OSError: It cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def writer(database: Path, sync: Sync, file: OpenedFile) -> Engine:
    """Make the engine that writes: one connection for batches, one for all else.

    Each transaction has the file's lock.
    """
    engine = _engine(database, Pool(size=2, overflow=0), sync, file, only_reads=False)

    @event.listens_for(engine, "begin")
    def take_the_lock(connection: Connection) -> None:
        connection.exec_driver_sql(BEGIN)

    return engine


def readers(database: Path, sync: Sync, pool: Pool, file: OpenedFile) -> Engine:
    """Make the engine of the connections that read, each statement for itself."""
    return _engine(database, pool, sync, file, only_reads=True)


def empty_write_ahead_log(engine: Engine) -> bool:
    """Bring all into the database file, and leave nothing of it beside it.

    Returns:
        Whether that is done; somebody may have read on all the time.
    """
    with engine.connect() as connection:
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return not is_busy


def check_file(file: OpenedFile, engine: Engine) -> None:
    """Check that the paths still lead to the opened files.

    If one does not, first bring the write-ahead log into the opened database, through the open
    descriptors. After that, a removed write-ahead log holds nothing that is missing, and one that
    stayed beside another database cannot damage it.

    Args:
        file: The opened files.
        engine: It has a connection, made before. A new one would open whatever lies at the path of
            the write-ahead log, so it is refused.

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
    """Read a text that is not UTF-8 as an `Undecodable`; all texts take twice as long."""
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
        # None: we say when a transaction begins, the driver would do so only at the first write.
        connect_args={"timeout": WAIT_SECONDS, "isolation_level": None, "check_same_thread": False},
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=WAIT_SECONDS,
        # A failure names the statement; what people say is nobody's business.
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def refuse_another_file(*_: object) -> None:
        # With our write-ahead log beside it, even reading would damage it. And a connection with
        # another write-ahead log than the others would read from that what they wrote to theirs.
        file.check()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {sync}",
            "secure_delete = ON",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
            # Sorted or kept for a moment, nothing of it goes to a file of its own.
            "temp_store = MEMORY",
            f"query_only = {int(only_reads)}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not only_reads:
            # It reads a few short texts. One that is damaged must not fail the whole batch.
            connection.text_factory = _LENIENT

    return engine

"""Measures the database of a store."""

from pathlib import Path

from attrs import frozen
from sqlalchemy import Engine, func, select

from trio_chat.store.sql.errors import outages
from trio_chat.store.sql.postgres_schema import metadata


@frozen
class Size:
    """The size of a database.

    Attributes:
        bytes: The size of tables, indexes, and free space between them.
        wal_bytes: The size of SQLite's write-ahead log; 0 for PostgreSQL.
    """

    bytes: int
    wal_bytes: int = 0


def size_of_file(path: Path) -> Size:
    """Return the size of an SQLite file; 0 for a missing one. Blocks for the file system."""
    return Size(_bytes(path), _bytes(path.with_name(f"{path.name}-wal")))


def size_of_tables(engine: Engine) -> Size:
    """Return the size of the tables in PostgreSQL. Blocks.

    Raises:
        Outage: The database is unreachable.
    """
    # A table that a restore drops at this moment has no size.
    sizes = [
        func.coalesce(func.pg_total_relation_size(table.name), 0)
        for table in metadata.sorted_tables
    ]
    with outages(), engine.connect() as connection:
        return Size(sum(connection.execute(select(*sizes)).one()))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""How much room the database of a store takes."""

from pathlib import Path

from attrs import frozen
from sqlalchemy import Engine, func, select

from trio_chat.store.sql.errors import outages
from trio_chat.store.sql.postgres_schema import metadata


@frozen
class Size:
    """The size of a database.

    Attributes:
        bytes: Of the tables and indexes, and of the free space among them.
        wal_bytes: Of SQLite's write-ahead log; 0 for PostgreSQL, which keeps its own elsewhere.
    """

    bytes: int
    wal_bytes: int = 0


def size_of_file(path: Path) -> Size:
    """Measure an SQLite file; a missing file counts as empty. Blocks for the file system."""
    return Size(_bytes(path), _bytes(path.with_name(f"{path.name}-wal")))


def size_of_tables(engine: Engine) -> Size:
    """Measure the tables in PostgreSQL. Blocks.

    Raises:
        Outage: The database is out of reach.
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

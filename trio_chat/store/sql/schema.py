"""Defines the tables that both databases share.

`sqlite_schema` and `postgres_schema` have the others. The migrations create the tables; these files
describe their present state.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, SmallInteger, Table, Text

_shared: Final = MetaData()

# Sorted by code point: an upgrade of the C library must not change the order of an index.
KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")

epochs: Final = Table(
    "chat_epochs",
    _shared,
    Column("only", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Text, nullable=False),
    # The epochs that this one replaced, newest last, separated by blanks.
    Column("replaced", Text, nullable=False, server_default=""),
)
"""One row: the identity of the history."""

marks: Final = Table(
    "chat_marks",
    _shared,
    Column("room", KEY, primary_key=True),
    Column("reader", KEY, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The read markers, by room and key of the user's name."""

nodes: Final = Table(
    "chat_nodes",
    _shared,
    Column("node", KEY, primary_key=True),
    # Milliseconds since 1970 UTC, on the clock of the database.
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The leases of the nodes that share this store."""


def with_shared_tables() -> MetaData:
    """Return a new collection of tables with a copy of these."""
    metadata = MetaData()
    for table in _shared.sorted_tables:
        table.to_metadata(metadata)
    return metadata

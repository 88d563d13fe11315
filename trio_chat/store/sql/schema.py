"""The tables that are the same in both databases.

`sqlite_schema` and `postgres_schema` have the others. The migrations make them; these files say
how they are now.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, SmallInteger, Table, Text

_shared: Final = MetaData()

# Compared by code point, whatever the language of the database: the order of an index must not
# change with an upgrade of the C library.
KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")

epochs: Final = Table(
    "chat_epochs",
    _shared,
    Column("only", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Text, nullable=False),
    # The epochs that this one has replaced, newest last, with blanks between them.
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
"""Up to where each user, by the key of the name, has read a room."""

nodes: Final = Table(
    "chat_nodes",
    _shared,
    Column("node", KEY, primary_key=True),
    # By the database's clock, in milliseconds since 1970 UTC.
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The leases of the nodes that share this store."""


def with_shared_tables() -> MetaData:
    """Return a new collection of tables that begins with these."""
    metadata = MetaData()
    for table in _shared.sorted_tables:
        table.to_metadata(metadata)
    return metadata

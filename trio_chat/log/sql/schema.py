"""The tables of a log, as they are now. How they came to be so is told by the migrations.

The law of the texts: a text is in one row of `texts` and nowhere else. On SQLite that table is only
ever appended to (its rows are in the order of an implicit rowid), and a text that is taken back is
overwritten in its place with as many blanks. So no row ever moves from one page of the file to
another, which would leave a copy behind that ``secure_delete`` does not find (docs/adr/0021).

All other tables are without a rowid on SQLite: what belongs together lies together, in order, and
there is no second copy of the key.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata: Final = MetaData()

# Compared by code point, whatever the language of the database: the order of an index must not
# change with an upgrade of the C library.
_Key: Final = Text().with_variant(Text(collation="C"), "postgresql")

epochs: Final = Table(
    "chat_epochs",
    metadata,
    Column("only", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Text, nullable=False),
    # The epochs that this one has replaced, newest last, with blanks between them.
    Column("replaced", Text, nullable=False, server_default=""),
)
"""One row: the identity of the history."""

rooms: Final = Table(
    "chat_rooms",
    metadata,
    Column("room", _Key, primary_key=True),
    Column("head", BigInteger, nullable=False),
    # Of the newest event: no later one is earlier, whatever the clock of its node shows.
    Column("ts", BigInteger, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)
"""How far each room has come. Whoever appends locks the row first: that makes ``seq`` dense."""

events: Final = Table(
    "chat_events",
    metadata,
    Column("room", _Key, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", _Key, nullable=False),
    Column("kind", Text, nullable=False),
    Column("username", Text),
    Column("ts", BigInteger, nullable=False),
    Column("author", Text),
    Column("device", Text),
    # The seq of the message that an edit or a deletion changes; it is in the same room.
    Column("target", BigInteger),
    # The seq of the event that brought the text shown now: its own, or that of its newest edit.
    # A message without one is deleted; an edit has none, it shows what its target shows.
    Column("text_seq", BigInteger),
    Index("chat_events_id", "id", unique=True),
    sqlite_with_rowid=False,
)

texts: Final = Table(
    "chat_texts",
    metadata,
    Column("room", _Key, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)
"""The text that the event with this ``seq`` has brought; blanks when it has been replaced."""

refs: Final = Table(
    "chat_refs",
    metadata,
    # SHA-256 of device, ref and user.
    Column("ref", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Index("chat_refs_ts", "ts"),
    sqlite_with_rowid=False,
)
"""Requests that have been done, for as long as they may come again."""

marks: Final = Table(
    "chat_marks",
    metadata,
    Column("room", _Key, primary_key=True),
    Column("reader", _Key, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Up to where each user, by the key of the name, has read a room."""

nodes: Final = Table(
    "chat_nodes",
    metadata,
    Column("node", _Key, primary_key=True),
    # By the database's clock, in milliseconds since 1970 UTC.
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The leases of the nodes that share this store."""

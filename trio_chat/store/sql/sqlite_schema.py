"""The tables of SQLite, beside those of `schema`: a commit only appends to them.

The pages that a commit changes are what it costs. So its rows go to the end of two tables, events
and texts, numbered through all rooms, and no row elsewhere is changed: the head of a room is its
newest event, and the `ref` of a request is in the row of its event.

The law of the texts: a text is in one row of `texts` and nowhere else. A text that is taken back is
overwritten in its place with as many blanks. So no row ever moves from one page of the file to
another, which would leave a copy behind that ``secure_delete`` does not find (docs/adr/0021).
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from trio_chat.store.sql.schema import with_shared_tables

metadata: Final = with_shared_tables()

events: Final = Table(
    "chat_events",
    metadata,
    # The order of the commits. SQLite keeps the rows by it.
    Column("n", Integer, primary_key=True),
    Column("room", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("username", Text),
    Column("ts", BigInteger, nullable=False),
    Column("author", Text),
    Column("device", Text),
    # The n of the message that an edit or a deletion changes; it is in the same room.
    Column("target", BigInteger),
    # The n of the event that brought the text shown now: its own, or that of its newest edit.
    # A message without one is deleted; an edit has none, it shows what its target shows.
    Column("text_n", BigInteger),
    # The request that it came by, for as long as that may come again: a hash of device, ref and
    # user, what the ref stands for, and when by the clock of refs.
    Column("ref", LargeBinary),
    Column("fingerprint", LargeBinary),
    Column("ref_time", BigInteger),
    Index("chat_events_seq", "room", "seq", unique=True),
    Index("chat_events_id", "id", unique=True),
)
Index("chat_events_ref", events.c.ref, unique=True, sqlite_where=events.c.ref.is_not(None))

texts: Final = Table(
    "chat_texts",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("text", Text, nullable=False),
)
"""The text that the event with this ``n`` has brought; blanks when it has been replaced."""

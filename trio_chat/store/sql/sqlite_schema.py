"""Defines the tables of SQLite that `schema` does not have: a commit only appends to them.

The number of changed pages decides the cost of a commit. So it appends rows to two tables, events
and texts, numbered across all rooms, and changes no other row. The head of a room is its newest
event, and the row of an event has the `ref` of its request.

A text is in one row of `texts` and nowhere else. An erased text is overwritten in place with as
many blanks. So no row moves to another page of the file, which would leave a copy that
``secure_delete`` does not find (docs/adr/0021).
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from trio_chat.store.sql.schema import with_shared_tables

metadata: Final = with_shared_tables()

events: Final = Table(
    "chat_events",
    metadata,
    # The order of commits, and of the rows in the file.
    Column("n", Integer, primary_key=True),
    Column("room", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("username", Text),
    Column("ts", BigInteger, nullable=False),
    Column("author", Text),
    Column("device", Text),
    # The n of the message, in the same room, that an edit or a deletion changes.
    Column("target", BigInteger),
    # The n of the event with the present text of a message. It is null for a deleted message, and
    # for an edit, which shows the text of its target.
    Column("text_n", BigInteger),
    # The request, for as long as a client may repeat it: a hash of device, ref and user, the
    # digest of the request, and its time on the clock of refs.
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
"""The text of the event with this ``n``; blanks after a replacement."""

"""Defines the tables of PostgreSQL that `schema` does not have.

Several processes may append. The row of a room has its head, and each append locks this row.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, text

from trio_chat.store.sql.schema import KEY, with_shared_tables

metadata: Final = with_shared_tables()

rooms: Final = Table(
    "chat_rooms",
    metadata,
    Column("room", KEY, primary_key=True),
    Column("head", BigInteger, nullable=False),
    # The time of the newest event. A later event never has an earlier time, whatever its clock.
    Column("ts", BigInteger, nullable=False, server_default=text("0")),
)
"""The head of each room. Each append first locks the row, so ``seq`` has no gaps."""

events: Final = Table(
    "chat_events",
    metadata,
    Column("room", KEY, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", KEY, nullable=False),
    Column("kind", Text, nullable=False),
    Column("username", Text),
    Column("ts", BigInteger, nullable=False),
    Column("author", Text),
    Column("device", Text),
    # The seq of the message, in the same room, that an edit or a deletion changes.
    Column("target", BigInteger),
    # The seq of the event with the present text of a message. It is null for a deleted message,
    # and for an edit, which shows the text of its target.
    Column("text_seq", BigInteger),
    Index("chat_events_id", "id", unique=True),
)

texts: Final = Table(
    "chat_texts",
    metadata,
    Column("room", KEY, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)
"""The text of the event with this ``seq``; blanks after a replacement."""

refs: Final = Table(
    "chat_refs",
    metadata,
    # A hash of device, ref and user.
    Column("ref", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Index("chat_refs_ts", "ts"),
)
"""Completed requests, for as long as a client may repeat them."""

"""The tables of PostgreSQL, beside those of `schema`.

Several processes may append. The row of a room has its head, and each append locks it.
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
    # Of the newest event: no later one is earlier, whatever the clock of its node shows.
    Column("ts", BigInteger, nullable=False, server_default=text("0")),
)
"""How far each room has come. Each append locks the row first: that makes ``seq`` dense."""

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
    # The seq of the message that an edit or a deletion changes; it is in the same room.
    Column("target", BigInteger),
    # The seq of the event that brought the text shown now: its own, or that of its newest edit.
    # A message without one is deleted; an edit has none, it shows what its target shows.
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
"""The text that the event with this ``seq`` has brought; blanks when it has been replaced."""

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
"""Requests that have been done, for as long as they may come again."""

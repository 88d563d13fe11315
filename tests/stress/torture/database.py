"""What is in the database, read with no statement of the server's."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import psycopg

from tests.stress.torture.record import Seen
from tests.stress.torture.verdict import Rooms
from trio_chat.protocol.events import NOTICES

EVENTS = """
    SELECT e.room, e.seq, e.id, e.kind, e.username, t.text
    FROM chat_events e LEFT JOIN chat_texts t ON {}
    ORDER BY e.room, e.seq
"""
IN_SQLITE = EVENTS.format("t.n = e.text_n")
IN_POSTGRES = EVENTS.format("t.room = e.room AND t.seq = e.text_seq")


def events_of(url: str) -> Rooms:
    """Read all rooms.

    Args:
        url: As `--store` takes it, of a durable store.
    """
    found: dict[str, list[Seen]] = {}
    for room, seq, id_, kind, username, text in _rows(url):
        type_ = "system" if kind in NOTICES else kind
        found.setdefault(room, []).append(Seen(seq, id_, type_, username, text or ""))
    return found


def _rows(url: str) -> Iterable[tuple[Any, ...]]:
    if url.startswith("sqlite:"):
        # Not read-only: whoever reads a WAL file writes into its index.
        connection = sqlite3.connect(url.removeprefix("sqlite:"))
        try:
            return connection.execute(IN_SQLITE).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as reader:
        return reader.execute(IN_POSTGRES).fetchall()

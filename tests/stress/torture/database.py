"""Reads the events in the database, without the statements of the server."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import psycopg

from tests.stress.torture.record import ChatEvent
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
    """Return the events of all rooms.

    Args:
        url: A durable store, as in `--store`.
    """
    found: dict[str, list[ChatEvent]] = {}
    for room, seq, id_, kind, username, text in _rows(url):
        type_ = "system" if kind in NOTICES else kind
        found.setdefault(room, []).append(ChatEvent(seq, id_, type_, username, text or ""))
    return found


def _rows(url: str) -> Iterable[tuple[Any, ...]]:
    if url.startswith("sqlite:"):
        # Not read-only: readers of a WAL file write into its index.
        connection = sqlite3.connect(url.removeprefix("sqlite:"))
        try:
            return connection.execute(IN_SQLITE).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as reader:
        return reader.execute(IN_POSTGRES).fetchall()

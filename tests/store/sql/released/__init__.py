"""Databases that released versions wrote, to show that the present one upgrades them.

For each release that changed the tables this folder has an SQLite file, its high-water mark, and a
dump of a PostgreSQL database. All of them hold the same history, `DRAFTS` and `MARKS`.
``python -m tests.store.sql.released`` writes those of the version that is checked out.
"""

from pathlib import Path

from tests.contracts.drafts import ANN, BOB, delete, draft, edit
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Author, Kind

FOLDER = Path(__file__).parent
VERSIONS = sorted(path.stem for path in FOLDER.glob("*.db"))

TOKEN_USER = Author("cleo", "", is_proven=True)

DRAFTS = (
    draft("ann has joined the chat", kind=Kind.JOINED),
    draft("hello", author=ANN, ref="r1", id="m1"),
    draft("Größe: 5 µm, 你好, 👋", username="Bob", author=BOB, ref="r1", id="m2"),
    edit("m1", "hello, all", ref="r2"),
    draft("a mistake", username="Bob", author=BOB, id="m3"),
    delete("m3", author=BOB),
    draft("by token", "dev", "Cleo", author=TOKEN_USER, id="m4"),
    draft("ann has left the chat", kind=Kind.LEFT),
)
"""The history of each of these databases, in the order of the commits."""

MARKS = (
    ReadMarker(3, "general", "ann"),
    ReadMarker(5, "general", "bob"),
    ReadMarker(1, "dev", "cleo"),
)

SHOWN = {
    "general": [
        (1, Kind.JOINED, "ann", "ann has joined the chat", False, False),
        (2, Kind.MESSAGE, "ann", "hello, all", True, False),
        (3, Kind.MESSAGE, "Bob", "Größe: 5 µm, 你好, 👋", False, False),
        (4, Kind.EDITED, "ann", "hello, all", True, False),
        (5, Kind.MESSAGE, "Bob", "", False, True),
        (6, Kind.DELETED, "ann", "", False, False),
        (7, Kind.LEFT, "ann", "ann has left the chat", False, False),
    ],
    "dev": [(1, Kind.MESSAGE, "Cleo", "by token", False, False)],
}
"""By room: seq, kind, name, text, is_edited and is_deleted of each event as clients see it."""

"""The stores of measured servers: an empty one for each start, and a long one."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import trio
from sqlalchemy import create_engine, text

from tests.support import postgres
from trio_chat.store.sql.opened import open_sql_store

LONG_EVENTS: Final = 1_000_000
LONG_ROOM: Final = "general"

_EVENTS: Final = """
    INSERT INTO chat_events (room, seq, id, kind, username, ts, author, device, {0})
    WITH RECURSIVE numbers (seq) AS
        (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < :count)
    SELECT :room, seq, 'AAAAAAAAAAAAAAAAAAAAAA' || seq, 'message', 'writer',
        1700000000000 + seq * 1000, 'writer', '00000000000000000000000000000000', seq
    FROM numbers
    """
# As long as the texts of the load generator.
_TEXTS: Final = """
    INSERT INTO chat_texts ({0})
    WITH RECURSIVE numbers (seq) AS
        (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < :count)
    SELECT {1}, 'What people write in a chat is mostly not longer than one line.'
    FROM numbers
    """
_FILL: Final = {
    "sqlite": (_EVENTS.format("text_n"), _TEXTS.format("n, text", "seq")),
    "postgresql": (
        _EVENTS.format("text_seq"),
        _TEXTS.format("room, seq, text", ":room, seq"),
        "INSERT INTO chat_rooms (room, head) VALUES (:room, :count)",
    ),
}
"""Creates the same rows as a server that received so many messages."""


class Store(Protocol):
    """A kind of store.

    Attributes:
        pid: Of a process that works for the server, besides its own; None if there is none.
    """

    pid: int | None

    def fresh(self) -> str:
        """Return the URL of an empty store."""

    def long(self) -> str:
        """The URL of one whose `LONG_ROOM` has `LONG_EVENTS` events; made when first asked for."""


class Memory:
    """The store in memory. Satisfies `Store`."""

    pid: int | None = None

    def fresh(self) -> str:
        """Return its URL."""
        return "memory:"

    def long(self) -> str:
        """Refuse: the store in memory is never long."""
        raise NotImplementedError


class InSql:
    """Stores in a database. Satisfies `Store`.

    Args:
        new_url: Says where an empty one may be made.
        after_filling: What the database is to do at once, rather than while it is measured.
        pid: As of `Store`.
    """

    def __init__(
        self, new_url: Callable[[], str], after_filling: tuple[str, ...], pid: int | None = None
    ) -> None:
        self.pid = pid
        self.fresh = new_url
        self._after_filling = after_filling
        self._long: str | None = None

    def long(self) -> str:
        """Return the same store each time; joins add notices to it."""
        if self._long is None:
            self._long = self.fresh()
            fill(self._long, LONG_EVENTS, self._after_filling)
        return self._long


def sqlite(folder: Path) -> InSql:
    """Logs in SQLite files in this folder, where it is to be on a real disk."""
    numbers = itertools.count(1)
    return InSql(
        lambda: f"sqlite:{folder / f'chat{next(numbers)}.db'}", ("PRAGMA wal_checkpoint(TRUNCATE)",)
    )


def postgresql(cluster: postgres.Cluster) -> InSql:
    """Logs in databases of a PostgreSQL of our own."""
    return InSql(cluster.fresh_url, ("VACUUM ANALYZE", "CHECKPOINT"), cluster.pid)


def fill(url: str, count: int, after: tuple[str, ...] = ()) -> None:
    """Make a store with so many messages in `LONG_ROOM`: by its own schema, not by a server.

    Args:
        url: An empty log.
        count: How many messages.
        after: Statements to be run in the end.
    """
    trio.run(_make, url)
    kind, _, rest = url.partition(":")
    engine = create_engine(
        f"sqlite:///{rest}" if kind == "sqlite" else f"postgresql+psycopg:{rest}"
    )
    with engine.begin() as connection:
        for statement in _FILL[engine.dialect.name]:
            connection.execute(text(statement), {"room": LONG_ROOM, "count": count})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in after:
            connection.exec_driver_sql(statement)
    engine.dispose()


async def _make(url: str) -> None:
    async with open_sql_store(url):
        pass

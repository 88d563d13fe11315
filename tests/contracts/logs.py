"""Every log there is, each in a place of its own that it can be opened in again."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from tempfile import TemporaryDirectory

from attrs import frozen
from sqlalchemy import delete

from tests.postgres import Cluster
from trio_chat.log.base import REFS_SECONDS, Log
from trio_chat.log.memory import REFS_MS, MemoryLog
from trio_chat.log.sql.opened import open_sql_log
from trio_chat.log.sql.schema import metadata

Open = Callable[[], AbstractAsyncContextManager[Log]]


@frozen
class Place:
    """Where a log is.

    Attributes:
        open: Opens the log that is there; empty at first.
        is_durable: Whether what is there outlives a log that is closed.
        refs_ms: How long a ``ref`` is remembered, in milliseconds.
    """

    open: Open
    is_durable: bool
    refs_ms: int


Places = Callable[[], AbstractContextManager[Place]]
"""Makes a place that is empty, and takes it away in the end."""

# TRUNCATE would make six tables and their indexes anew, for a handful of rows.
_EMPTY = "; ".join(str(delete(table)) for table in metadata.sorted_tables)


@contextmanager
def memory() -> Iterator[Place]:
    """The log that lives as long as the process."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Log]:
        yield MemoryLog()

    yield Place(opened, is_durable=False, refs_ms=REFS_MS)


@contextmanager
def sqlite() -> Iterator[Place]:
    """The log in a file, as the server has it by default."""
    with TemporaryDirectory() as folder:
        yield _durable(f"sqlite:{folder}/chat.db")


def postgres(cluster: Cluster) -> Places:
    """The log in a database; the same for all places, emptied for each."""
    url = cluster.fresh_url()
    database = url.rpartition("/")[2]

    @contextmanager
    def place() -> Iterator[Place]:
        if cluster.run("SELECT to_regclass('chat_version')", database) != [(None,)]:
            cluster.run(_EMPTY, database)
        yield _durable(url)

    return place


def _durable(url: str) -> Place:
    return Place(partial(open_sql_log, url), is_durable=True, refs_ms=REFS_SECONDS * 1000)

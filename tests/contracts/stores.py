"""A place for each kind of store, where a test can open it again."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from tempfile import TemporaryDirectory

from attrs import define, frozen
from sqlalchemy import delete

from tests.store.sql.tables import age_refs
from tests.support.postgres import Cluster
from trio_chat.store.base import REFS_SECONDS as SQL_REFS_SECONDS
from trio_chat.store.base import Store
from trio_chat.store.memory import REFS_SECONDS, MemoryStore
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.postgres_schema import metadata

Open = Callable[[], AbstractAsyncContextManager[Store]]


@frozen
class Place:
    """Where a store is, empty at first.

    ``wait`` advances the age of the refs by some seconds. PostgreSQL's own clock runs meanwhile.
    """

    open: Open
    is_durable: bool
    refs_seconds: int
    wait: Callable[[int], None]


Places = Callable[[], AbstractContextManager[Place]]
"""Makes an empty place, and removes it at the end."""

# TRUNCATE would recreate six tables and their indexes for a handful of rows.
_EMPTY = "; ".join(str(delete(table)) for table in metadata.sorted_tables)


@define
class Clock:
    """A clock that a test advances by whole seconds, so that sums are exact."""

    seconds: int = 0

    def __call__(self) -> float:
        return float(self.seconds)

    def wait(self, seconds: int) -> None:
        self.seconds += seconds


@contextmanager
def memory() -> Iterator[Place]:
    clock = Clock()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        yield MemoryStore(clock=clock)

    yield Place(opened, is_durable=False, refs_seconds=int(REFS_SECONDS), wait=clock.wait)


@contextmanager
def sqlite() -> Iterator[Place]:
    with TemporaryDirectory() as folder:
        clock = Clock()
        yield _durable(partial(open_sql_store, f"sqlite:{folder}/chat.db", clock=clock), clock.wait)


def postgres(cluster: Cluster) -> Places:
    """A store in one database, which each place empties."""
    url = cluster.fresh_url()
    database = url.rpartition("/")[2]

    @contextmanager
    def place() -> Iterator[Place]:
        if cluster.run("SELECT to_regclass('chat_version')", database) != [(None,)]:
            cluster.run(_EMPTY, database)
        yield _durable(partial(open_sql_store, url), lambda seconds: age_refs(url, 1000 * seconds))

    return place


def _durable(opened: Open, wait: Callable[[int], None]) -> Place:
    return Place(opened, is_durable=True, refs_seconds=SQL_REFS_SECONDS, wait=wait)

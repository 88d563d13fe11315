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
class Subscription:
    """Where a store is.

    Attributes:
        open: Opens the store that is there; empty at first.
        is_durable: Whether what is there outlives a store that is closed.
        refs_seconds: How long a ``ref`` is remembered.
        wait: Lets so many seconds pass for the refs. Those in PostgreSQL go by its own clock, which
            goes on meanwhile.
    """

    open: Open
    is_durable: bool
    refs_seconds: int
    wait: Callable[[int], None]


Places = Callable[[], AbstractContextManager[Subscription]]
"""Makes a place that is empty, and takes it away in the end."""

# TRUNCATE would make six tables and their indexes anew, for a handful of rows.
_EMPTY = "; ".join(str(delete(table)) for table in metadata.sorted_tables)


@define
class Clock:
    """A clock that a test moves; whole seconds, so that sums are exact."""

    seconds: int = 0

    def __call__(self) -> float:
        """What it shows."""
        return float(self.seconds)

    def wait(self, seconds: int) -> None:
        """Move it forward."""
        self.seconds += seconds


@contextmanager
def memory() -> Iterator[Subscription]:
    """The log that lives as long as the process."""
    clock = Clock()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        yield MemoryStore(clock=clock)

    yield Subscription(opened, is_durable=False, refs_seconds=int(REFS_SECONDS), wait=clock.wait)


@contextmanager
def sqlite() -> Iterator[Subscription]:
    """The log in a file, as the server has it by default."""
    with TemporaryDirectory() as folder:
        clock = Clock()
        yield _durable(partial(open_sql_store, f"sqlite:{folder}/chat.db", clock=clock), clock.wait)


def postgres(cluster: Cluster) -> Places:
    """The log in a database; the same for all places, emptied for each."""
    url = cluster.fresh_url()
    database = url.rpartition("/")[2]

    @contextmanager
    def place() -> Iterator[Subscription]:
        if cluster.run("SELECT to_regclass('chat_version')", database) != [(None,)]:
            cluster.run(_EMPTY, database)
        yield _durable(partial(open_sql_store, url), wait)

    def wait(seconds: int) -> None:
        age_refs(url, 1000 * seconds)

    return place


def _durable(opened: Open, wait: Callable[[int], None]) -> Subscription:
    return Subscription(opened, is_durable=True, refs_seconds=SQL_REFS_SECONDS, wait=wait)

"""Opens a store: lock, migrations, connections; and closes them in reverse order."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import trio
from sqlalchemy import URL, Engine, exc

from trio_chat.errors import Outage, StartError
from trio_chat.store.sql import sqlite, sqlite_batch, sqlite_refs, sqlite_statements
from trio_chat.store.sql.database import Database
from trio_chat.store.sql.errors import reason
from trio_chat.store.sql.file import OpenedFile
from trio_chat.store.sql.highwater import HighWaterMark
from trio_chat.store.sql.hosts import postgres_url
from trio_chat.store.sql.identity import Identity
from trio_chat.store.sql.lock import locked_file
from trio_chat.store.sql.look import damage_explained, refuse_damaged_file, refuse_foreign_file
from trio_chat.store.sql.migrate import migrate
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.refclock import RefClock
from trio_chat.store.sql.size import size_of_file, size_of_tables
from trio_chat.store.sql.sqlite import Sync
from trio_chat.store.sql.store import SqlStore

_SQLITE: Final = "sqlite:"
_POSTGRES: Final = ("postgresql", "postgres")

ENDING_SECONDS: Final = 2.0
"""Maximum wait for cancelled calls when a store closes. A commit takes milliseconds, and a hanging
store must not delay the stop of a server."""


OnNewEpoch = Callable[[str, str], None]


def _ignore(_old: str, _new: str) -> None:
    """Ignore a new epoch."""


@asynccontextmanager
async def open_sql_store(  # noqa: PLR0913 - each is independent of the others
    url: str,
    *,
    exclusive: bool = True,
    sync: Sync = "full",
    pool: Pool | None = None,
    on_new_epoch: OnNewEpoch = _ignore,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[SqlStore]:
    """Open a store within the block; create or upgrade its tables first.

    Args:
        url: ``sqlite:PATH``, relative to the working directory, or ``postgresql://…``.
        exclusive: Whether only this process may append. In PostgreSQL, an exclusive process and
            processes that share the store refuse each other.
        sync: SQLite durability: ``full`` survives a power cut; ``normal`` is faster, and may lose
            the last commits in one.
        pool: The connections that read.
        on_new_epoch: Receives the old and the new epoch when the database holds another history,
            at the start or later.
        clock: A monotonic clock in seconds, by which the refs in SQLite expire.

    Yields:
        The store.

    Raises:
        StartError: The store cannot be opened; the message has the reason.
    """
    pool = pool or Pool()
    opening = partial(_open, url, pool, RefClock(clock), exclusive=exclusive, sync=sync)
    parts, opened = await trio.to_thread.run_sync(opening)
    store = SqlStore(parts, pool.size + pool.overflow, on_new_epoch)
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            # A cancelled commit still runs in its thread. It must end before the lock is released.
            with trio.move_on_after(ENDING_SECONDS):
                await store.close()
            await trio.to_thread.run_sync(opened.close)


def _open(
    url: str, pool: Pool, clock: RefClock, *, exclusive: bool, sync: Sync
) -> tuple[Database, ExitStack]:
    with ExitStack() as stack:
        if url.startswith(_SQLITE):
            parts = _open_sqlite(stack, url, pool, clock, exclusive=exclusive, sync=sync)
        else:
            parts = _open_postgres(stack, _postgres_url(url), pool, exclusive=exclusive)
        opened = stack.pop_all()
    return parts, opened


def _open_sqlite(  # noqa: PLR0913 - options of `open_sql_store`
    stack: ExitStack, url: str, pool: Pool, clock: RefClock, *, exclusive: bool, sync: Sync
) -> Database:
    with _explained(url), damage_explained(path := _sqlite_path(url)):
        refuse_foreign_file(path, url)
        if exclusive:
            stack.enter_context(locked_file(path))
        refuse_damaged_file(path)
        sqlite.create_file(path)
        file = OpenedFile.at(path)
        writer = _disposed(stack, sqlite.writer(path, sync, file))
        readers = _disposed(stack, sqlite.readers(path, sync, pool, file))
        with writer.begin() as connection:
            epoch = migrate(connection, url)
            sqlite_refs.resume_clock(connection, clock)
        # This connection opens the present write-ahead log; `check_file` needs it.
        readers.connect().close()
        file.watch_beside()
        file.check()
        check_file = partial(sqlite.check_file, file, readers)
        stack.callback(_ignoring_outage, check_file)
        # The stack runs this before the check, since it writes.
        stack.callback(_save_clock, writer, clock)
        mark = HighWaterMark(path)
        identity = mark.read() or Identity(epoch)
        former_epoch = identity.epoch
        identity.renew(writer.begin)
        mark.save(identity)
        stack.callback(mark.save, identity)
        batches = sqlite_batch.SqliteBatches(writer, identity, clock)
        stack.callback(batches.close)
        return Database(
            writer,
            readers,
            batches.transact,
            sqlite_statements.READS,
            sqlite_statements.QUIET,
            partial(sqlite_refs.forget_refs, clock),
            identity,
            former_epoch,
            mark,
            check_file,
            measure=partial(size_of_file, path),
        )


def _open_postgres(stack: ExitStack, url: URL, pool: Pool, *, exclusive: bool) -> Database:
    try:
        from trio_chat.store.sql import (  # noqa: PLC0415 - its driver is an extra
            postgres,
            postgres_batch,
            postgres_statements,
        )
    except ImportError as error:
        message = "a store in PostgreSQL needs its driver: pip install 'trio-chat[postgres]'"
        raise StartError(message) from error
    name = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    with _explained(name):
        postgres.refuse_unfit_pooler(url, name)
        writer = _disposed(stack, postgres.writer(url, pool, exclusive=exclusive))
        # Take the lock before any change: the store may belong to another process.
        writer.connect().close()
        readers = _disposed(stack, postgres.readers(url, pool))
        with postgres.migrator(url).begin() as connection:
            postgres.wait_for_turn(connection, name)
            epoch = migrate(connection, name)
        # The first join need not wait for a connection.
        readers.connect().close()
        identity = Identity(epoch)
        return Database(
            writer,
            readers,
            postgres_batch.PostgresBatches(writer, identity, exclusive=exclusive).transact,
            postgres_statements.READS,
            postgres_statements.QUIET,
            postgres_batch.forget_refs,
            identity,
            epoch,
            measure=partial(size_of_tables, readers),
        )


def _disposed(stack: ExitStack, engine: Engine) -> Engine:
    stack.callback(engine.dispose)
    return engine


def _save_clock(writer: Engine, clock: RefClock) -> None:
    with suppress(exc.SQLAlchemyError, Outage), writer.begin() as connection:
        sqlite_refs.save_clock(clock, connection)


def _ignoring_outage(check: Callable[[], None]) -> None:
    with suppress(Outage):
        check()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Translate failures to open a store into one line."""
    try:
        yield
    except (exc.SQLAlchemyError, Outage, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
        raise StartError(f"cannot open the store {name}: {why}") from error


def _sqlite_path(url: str) -> Path:
    name = url.removeprefix(_SQLITE)
    if not name or name.startswith(("//", ":")) or "\0" in name:
        raise StartError(f"not a store: {url!r}; write a file as sqlite:PATH")
    return Path(name).resolve()


def _postgres_url(text: str) -> URL:
    # The message must not repeat the URL, which may contain a password.
    wrong = "not a store: use sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    try:
        url = postgres_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise StartError(wrong) from error
    if url.drivername not in _POSTGRES:
        raise StartError(wrong)
    return url.set(drivername="postgresql+psycopg")

"""Connections to PostgreSQL: one that appends, and a pool that reads. No call can hang."""

import logging
import time
from collections.abc import Generator
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, text
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from trio_chat.errors import StartError
from trio_chat.store.sql.lock import MIGRATION_LOCK, POSTGRES_LOCK, Taken
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.pooler import refuse_pooler

ANSWER_SECONDS: Final = 4.5
"""Time limit of one answer by our own clock, in case the server hangs."""

WAIT_SECONDS: Final = 4.0
"""Maximum wait for a connection of the pool."""

# The driver accepts no less than 2 s; a healthy server needs less than 3 s.
_CONNECT_SECONDS: Final = 3

# Below our own limit, so that the server gives up first and reports the reason.
_BOUNDS: Final = {
    "statement_timeout": "4000",
    "lock_timeout": "3000",
    # A process that hangs within a batch must not block the rooms of others.
    "idle_in_transaction_session_timeout": "5000",
    # A process whose machine has failed must not keep the store for two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

# Statements that append must use the indexes. Otherwise the server keeps a plan from the time of
# small tables, and scans them: 190 µs of its CPU per event instead of 50.
_BY_INDEX: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

# The server may not know yet that the last process was killed.
_TAKE_MS: Final = 2000

# Another process may migrate the tables, which takes a while.
_MIGRATION_WAIT_SECONDS: Final = 60

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Begins a transaction that appends: after a wait for a lock it sees the commits of others."""

_IDLE_SECONDS: Final = 1.0
"""A connection that answered within this time is used without a test."""

# The driver warns of each pipeline that a failure ends. The call raises an `Outage` for the same
# failure, which is one log line.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

_R = TypeVar("_R")


class _Bounded(psycopg.Connection[Any]):
    """A connection with a time limit for each answer.

    The time limits of the server do not help if the server itself hangs.
    """

    answered_at = 0.0
    """The time of the last answer, on the monotonic clock."""

    def wait(self, gen: PQGen[_R], *args: Any, **kwargs: Any) -> _R:  # noqa: ANN401 - passed on
        """Wait for an answer, at most `ANSWER_SECONDS`."""
        try:
            answer = super().wait(_within(gen, ANSWER_SECONDS), *args, **kwargs)
            self.answered_at = time.monotonic()
            return answer  # noqa: TRY300 - no answer is in an `else`
        except NoAnswer:
            # A late answer would be mistaken for that of the next statement.
            self.pgconn.finish()
            raise


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time."""


def _within(gen: PQGen[_R], seconds: float) -> Generator[Any, Any, _R]:
    """Run the steps of the driver until the answer arrives, or the time is over.

    The driver yields every 0.1 s while it waits, for the sake of Ctrl-C.
    """
    deadline = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise NoAnswer(f"no answer within {seconds} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        answer: _R = done.value
        return answer


def writer(url: URL, pool: Pool, *, exclusive: bool) -> Engine:
    """Make the engine of the one connection that appends.

    Args:
        url: The URL of the database.
        pool: The source of lifetime and pre-ping.
        exclusive: Whether the connection holds the lock exclusively, or shares it. The lock lasts
            as long as the connection, so only the holder of the lock can append.
    """
    only_one = Pool(1, 0, pool.lifetime_seconds, pre_ping=False)
    engine = _engine(url, only_one, "AUTOCOMMIT", **_BY_INDEX)
    event.listen(engine, "connect", _take_the_lock if exclusive else _share_the_lock)
    if pool.pre_ping:
        event.listen(engine, "checkout", _test_if_idle)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The BEGIN of the driver would cost a round trip.
        connection.exec_driver_sql(BEGIN)

    return engine


def _test_if_idle(connection: _Bounded, *_: object) -> None:
    """Let the pool replace a lost connection, unless it was used a moment ago."""
    if time.monotonic() - connection.answered_at > _IDLE_SECONDS:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise exc.DisconnectionError from error


def readers(url: URL, pool: Pool) -> Engine:
    """Make the engine of the connections that read, without transactions."""
    return _engine(url, pool, "AUTOCOMMIT", default_transaction_read_only="on")


def refuse_unfit_pooler(url: URL, name: str) -> None:
    """Refuse a connection pooler that would break the lock of the store.

    Raises:
        StartError, SQLAlchemyError: As `refuse_pooler`.
    """
    engine = _engine(url, Pool(size=2, overflow=0), "AUTOCOMMIT")
    try:
        refuse_pooler(engine, name, timeout_ms=_BOUNDS.get("statement_timeout"))
    finally:
        engine.dispose()


def migrator(url: URL) -> Engine:
    """Make the engine for migrations, without time limits."""
    return create_engine(
        url,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
        poolclass=NullPool,
        hide_parameters=True,
    )


def wait_for_turn(connection: Connection, name: str) -> None:
    """Wait until no other process migrates the tables, and lock them for the transaction.

    Raises:
        StartError: The encoding of the database is not UTF-8.
        SQLAlchemyError: Another process took too long.
    """
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StartError(f"the store {name} is in {encoding}: create a database in UTF8")
    connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_WAIT_SECONDS}s'"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def _engine(url: URL, pool: Pool, isolation: Any, **options: str) -> Engine:  # noqa: ANN401 - of SQLAlchemy
    theirs = url.query.get("options", ())
    ours = [f"-c {name}={value}" for name, value in (_BOUNDS | options).items()]
    bounds = {
        "connect_timeout": _CONNECT_SECONDS,
        "options": " ".join([*([theirs] if isinstance(theirs, str) else theirs), *ours]),
    }
    engine = create_engine(
        url.difference_update_query(bounds),
        connect_args=bounds,
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_recycle=pool.lifetime_seconds,
        pool_pre_ping=pool.pre_ping,
        pool_timeout=WAIT_SECONDS,
        isolation_level=isolation,
        # Errors name the statement, but must not quote messages of people.
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_: object, __: object, args: Any, bounds: Any) -> _Bounded:  # noqa: ANN401 - the driver's
        return _Bounded.connect(*args, **bounds)

    return engine


def _take_the_lock(connection: _Bounded, _: ConnectionPoolEntry) -> None:
    _lock(connection, "pg_advisory_lock", "another process has the store")


def _share_the_lock(connection: _Bounded, _: ConnectionPoolEntry) -> None:
    taken = "another process has the store for itself, without a backplane"
    _lock(connection, "pg_advisory_lock_shared", taken)


def _lock(connection: _Bounded, function: LiteralString, taken: str) -> None:
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {_TAKE_MS}")
            connection.execute(f"SELECT {function}(%s)", (POSTGRES_LOCK,))
    except psycopg.errors.LockNotAvailable as error:
        connection.close()
        raise Taken(taken) from error

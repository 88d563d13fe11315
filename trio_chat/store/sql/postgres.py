"""Connections to a PostgreSQL database: one that appends, a pool that reads. No call can hang."""

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
"""How long the server may take for one answer: our own clock, for one that has stopped."""

WAIT_SECONDS: Final = 4.0
"""How long a call waits for a connection of the pool."""

# The least that the driver takes is 2 s; a server that takes longer is not well.
_CONNECT_SECONDS: Final = 3

# Below our own clock, so that it is the server that gives up, and says why.
_BOUNDS: Final = {
    "statement_timeout": "4000",
    "lock_timeout": "3000",
    # A process that has stopped in the midst of a batch does not hold up the rooms of others.
    "idle_in_transaction_session_timeout": "5000",
    # A process whose machine has gone does not keep the store for two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

# Statements that append find their rows by an index. Left alone, the server would keep a plan
# from when the tables were small, and read them whole: 190 µs of its CPU per event instead of 50.
_BY_INDEX: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

# Whoever was killed a moment ago may still be there for the server.
_TAKE_MS: Final = 2000

# Another process may be at it: the first start of a new version takes as long as it takes.
_MIGRATION_WAIT_SECONDS: Final = 60

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Begins a transaction that appends: what others commit meanwhile is seen behind a lock."""

_RESTED_SECONDS: Final = 1.0
"""A connection that has answered within this time is used without a trial."""

# It warns of each pipeline that a failure ends. The call raises an `Outage` for the same failure,
# and that is one line.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

_R = TypeVar("_R")


class _Bounded(psycopg.Connection[Any]):
    """A connection on which no answer is waited for without end.

    The server's own time-outs do not help when it is the server that has stopped.
    """

    answered_at = 0.0
    """When the server last answered, on the monotonic clock."""

    def wait(self, gen: PQGen[_R], *args: Any, **kwargs: Any) -> _R:  # noqa: ANN401 - passed on
        """Wait for an answer as the driver does, but not longer than `ANSWER_SECONDS`."""
        try:
            answer = super().wait(_within(gen, ANSWER_SECONDS), *args, **kwargs)
            self.answered_at = time.monotonic()
            return answer  # noqa: TRY300 - no answer is in an `else`
        except NoAnswer:
            # What comes later would be taken for the answer to something else.
            self.pgconn.finish()
            raise


class NoAnswer(psycopg.OperationalError):
    """The server has taken too long for an answer."""


def _within(gen: PQGen[_R], seconds: float) -> Generator[Any, Any, _R]:
    """Go through the steps of an answer until it is there, or the time is up.

    The driver comes back every 0.1 s while there is nothing, for the sake of Ctrl-C.
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
        url: Of the database.
        pool: Lifetime and pre-ping are those of all others.
        exclusive: Whether the connection has the lock for itself while it lives, or shares it with
            those who share it too. So whatever is appended is appended by who has the lock: there
            is no moment in which it is lost and nobody knows.
    """
    only_one = Pool(1, 0, pool.lifetime_seconds, pre_ping=False)
    engine = _engine(url, only_one, "AUTOCOMMIT", **_BY_INDEX)
    event.listen(engine, "connect", _take_the_lock if exclusive else _share_the_lock)
    if pool.pre_ping:
        event.listen(engine, "checkout", _try_if_rested)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver would wait for the answer to its own.
        connection.exec_driver_sql(BEGIN)

    return engine


def _try_if_rested(connection: _Bounded, *_: object) -> None:
    """Let the pool replace a connection that has been lost, unless it has just been used."""
    if time.monotonic() - connection.answered_at > _RESTED_SECONDS:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise exc.DisconnectionError from error


def readers(url: URL, pool: Pool) -> Engine:
    """Make the engine of the connections that read, each statement for itself."""
    return _engine(url, pool, "AUTOCOMMIT", default_transaction_read_only="on")


def refuse_unfit_pooler(url: URL, shown: str) -> None:
    """Refuse a connection pooler that would break the lock of the store.

    Raises:
        StartError, SQLAlchemyError: As `refuse_pooler`.
    """
    engine = _engine(url, Pool(size=2, overflow=0), "AUTOCOMMIT")
    try:
        refuse_pooler(engine, shown, timeout_ms=_BOUNDS.get("statement_timeout"))
    finally:
        engine.dispose()


def migrator(url: URL) -> Engine:
    """Make an engine for the changes at the start, which may take their time."""
    return create_engine(
        url,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
        poolclass=NullPool,
        hide_parameters=True,
    )


def wait_for_turn(connection: Connection, shown: str) -> None:
    """Let one process at a time change the tables, until its transaction is over.

    Raises:
        StartError: The database has not the encoding for all that people write.
        SQLAlchemyError: Another one has taken too long.
    """
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StartError(f"the store {shown} is in {encoding}: it has to be a database in UTF8")
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
        # A failure names the statement; what people say is nobody's business.
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

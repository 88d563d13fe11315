"""Detects a connection pooler that would break the lock of the store.

The lock and the time limits belong to a session of PostgreSQL. Some poolers drop the settings of a
connection, and in transaction mode each transaction may run in another session: then two servers
could both believe they have the store alone.
"""

from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, text

from trio_chat.errors import StartError

_ADVICE: Final = "connect to PostgreSQL itself"


def refuse_pooler(engine: Engine, name: str, *, timeout_ms: str | None) -> None:
    """Check that each connection has its own session with our settings.

    Args:
        engine: Provides at least two connections in autocommit mode.
        name: The name of the store in messages.
        timeout_ms: The ``statement_timeout`` of the engine; None for none.

    Raises:
        StartError: A pooler drops the settings or shares sessions.
        SQLAlchemyError: The database is unreachable.
    """
    with engine.connect() as one, engine.connect() as other:
        if timeout_ms not in (None, _timeout_ms(one)):
            raise StartError(
                f"the store {name} is behind a connection pooler that drops the settings of a "
                f"connection (such as PgBouncer with ignore_startup_parameters): {_ADVICE}"
            )
        if _has_pooler(one) and _share_sessions(one, other):
            raise StartError(
                f"the store {name} is behind a connection pooler that shares sessions (such as "
                f"PgBouncer in transaction mode): {_ADVICE}"
            )


def _timeout_ms(connection: Connection) -> str:
    wanted = text("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")
    timeout_ms: str = connection.execute(wanted).scalar_one()
    return timeout_ms


def _has_pooler(connection: Connection) -> bool:
    """Return whether the answering process differs from the one of the connect."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - for the type checker
    return driver.info.backend_pid != _process(connection)


def _share_sessions(one: Connection, other: Connection) -> bool:
    """Return whether two open connections can use the same session of PostgreSQL."""
    before = _process(one)
    other.exec_driver_sql("BEGIN")
    # A pooler gives this transaction the session that was just used. If it prefers another one,
    # the next transaction of the first connection gets another one, too.
    if _process(other) == before:
        return True
    other.exec_driver_sql("ROLLBACK")
    return any(_process(one) != before for _ in range(2))


def _process(connection: Connection) -> int:
    process: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return process

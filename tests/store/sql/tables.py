"""Direct access to the tables of a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, func, make_url, select, update
from sqlalchemy.pool import NullPool

from trio_chat.store.sql import postgres_schema, sqlite_schema

_EVENTS = sqlite_schema.events
_REFS = postgres_schema.refs

Copy = dict[str, list[dict[str, Any]]]
"""The rows of each table."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open another connection to the database, and commit at the end."""
    known = url.replace("sqlite:", "sqlite:///", 1)
    if not is_sqlite(url):
        known = (
            make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        )
    engine = create_engine(known, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def is_sqlite(url: str) -> bool:
    """Return whether a store is an SQLite file."""
    return url.startswith("sqlite:")


def metadata_of(url: str) -> MetaData:
    """Return the tables of a store."""
    return sqlite_schema.metadata if is_sqlite(url) else postgres_schema.metadata


def refs_in(url: str) -> int:
    """Return the number of refs."""
    ref = _EVENTS.c.ref if is_sqlite(url) else _REFS.c.ref
    with connected(url) as connection:
        return connection.execute(select(func.count(ref))).scalar_one()


def copy_of(url: str) -> Copy:
    """Return a copy of all tables."""
    with connected(url) as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata_of(url).sorted_tables
        }


def put_back(url: str, copy: Copy) -> None:
    """Replace all tables of a store by a copy, even of an open store."""
    with connected(url) as connection:
        for table in metadata_of(url).sorted_tables:
            connection.execute(table.delete())
            if copy[table.name]:
                connection.execute(table.insert(), copy[table.name])


def age_refs(url: str, by_ms: int) -> None:
    """Make each ref older."""
    with connected(url) as connection:
        if is_sqlite(url):
            connection.execute(update(_EVENTS).values(ref_time=_EVENTS.c.ref_time - by_ms))
        else:
            connection.execute(update(_REFS).values(ts=_REFS.c.ts - by_ms))

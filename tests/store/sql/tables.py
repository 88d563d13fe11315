"""Direct access to the tables of a store, and a start that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, create_engine, func, make_url, select, update
from sqlalchemy.pool import NullPool

from trio_chat.errors import StartError
from trio_chat.store.sql import postgres_schema, sqlite_schema
from trio_chat.store.sql.opened import open_sql_store

_EVENTS = sqlite_schema.events
_REFS = postgres_schema.refs

Copy = dict[str, list[dict[str, Any]]]
"""The rows of each table."""


async def complaint(url: str) -> str:
    with pytest.raises(StartError) as refused:
        async with open_sql_store(url):
            pass
    (line,) = str(refused.value).splitlines()
    return line


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open another connection to the database, and commit at the end."""
    known = make_url(url.replace("sqlite:", "sqlite:///", 1))
    if not is_sqlite(url):
        known = known.set(drivername="postgresql+psycopg")
    with create_engine(known, poolclass=NullPool).begin() as connection:
        yield connection


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def metadata_of(url: str) -> MetaData:
    return sqlite_schema.metadata if is_sqlite(url) else postgres_schema.metadata


def refs_in(url: str) -> int:
    ref = _EVENTS.c.ref if is_sqlite(url) else _REFS.c.ref
    with connected(url) as connection:
        return connection.execute(select(func.count(ref))).scalar_one()


def copy_of(url: str) -> Copy:
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
    with connected(url) as connection:
        if is_sqlite(url):
            connection.execute(update(_EVENTS).values(ref_time=_EVENTS.c.ref_time - by_ms))
        else:
            connection.execute(update(_REFS).values(ts=_REFS.c.ts - by_ms))

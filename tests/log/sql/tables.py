"""A look behind a log, at its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, func, make_url, select, update
from sqlalchemy.pool import NullPool

from trio_chat.log.sql.schema import metadata, refs

Copy = dict[str, list[dict[str, Any]]]
"""All rows, by table."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is not the log's; what is done is kept."""
    known = url.replace("sqlite:", "sqlite:///", 1)
    if not url.startswith("sqlite:"):
        known = (
            make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        )
    engine = create_engine(known, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def refs_in(url: str) -> int:
    """How many requests are remembered."""
    with connected(url) as connection:
        return connection.execute(select(func.count()).select_from(refs)).scalar_one()


def copy_of(url: str) -> Copy:
    """Take a copy of all that a log has."""
    with connected(url) as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


def put_back(url: str, copy: Copy) -> None:
    """Replace all tables of a log by a copy, even while servers have it open."""
    with connected(url) as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
            if copy[table.name]:
                connection.execute(table.insert(), copy[table.name])


def age_refs(url: str, by_ms: int) -> None:
    """Make each request that is remembered older."""
    with connected(url) as connection:
        connection.execute(update(refs).values(ts=refs.c.ts - by_ms))

"""A look behind a log, at its tables."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, func, make_url, select
from sqlalchemy.pool import NullPool

from trio_chat.log.sql.schema import refs


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

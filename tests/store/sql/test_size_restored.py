"""The size of tables during a restore."""

from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from trio_chat.store.sql import size


def test_a_dropped_table_has_size_zero(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # PostgreSQL returns NULL for a dropped table.
    gone = SimpleNamespace(sorted_tables=[SimpleNamespace(name=None)])
    monkeypatch.setattr(size, "metadata", gone)
    engine = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg"), poolclass=NullPool
    )
    assert size.size_of_tables(engine) == size.Size(0)

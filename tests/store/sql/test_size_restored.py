"""The size of tables that are being restored."""

from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from trio_chat.store.sql import size


def test_a_table_that_is_dropped_meanwhile_has_no_size(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PostgreSQL answers with NULL for it, as for no table at all.
    gone = SimpleNamespace(sorted_tables=[SimpleNamespace(name=None)])
    monkeypatch.setattr(size, "metadata", gone)
    engine = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg"), poolclass=NullPool
    )
    assert size.size_of_tables(engine) == size.Size(0)

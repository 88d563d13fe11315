"""The size of a store, and of its write-ahead log."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from tests.contracts.drafts import append, draft
from trio_chat.store.sql import size, sqlite
from trio_chat.store.sql import store as sql_store
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.size import Size, size_of_file
from trio_chat.store.sql.store import SqlStore

LIMIT_BYTES = 100_000


async def test_measure_returns_the_size_of_the_database(url: str) -> None:
    async with open_sql_store(url) as store:
        empty = await store.measure()
        await append(store, [draft(f"{number}") for number in range(1000)])
        full = await store.measure()
    assert empty.bytes > 0
    assert full.bytes + full.wal_bytes > empty.bytes + empty.wal_bytes + 50_000
    assert bool(full.wal_bytes) is url.startswith("sqlite:")


def test_a_missing_file_has_size_zero(tmp_path: Path) -> None:
    assert size_of_file(tmp_path / "chat.db") == Size(0, 0)


def test_a_table_dropped_by_a_restore_has_size_zero(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = SimpleNamespace(sorted_tables=[SimpleNamespace(name=None)])  # PostgreSQL returns NULL
    monkeypatch.setattr(size, "metadata", gone)
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    assert size.size_of_tables(create_engine(url, poolclass=NullPool)) == Size(0)


async def grow(path: Path, store: SqlStore) -> None:
    """Grow the write-ahead log during a long read."""
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM chat_texts").fetchall()
        await append(store, [draft(f"{number:04}" * 1000) for number in range(1200)])
    assert wal_bytes(path) > 4_000_000


def wal_bytes(path: Path) -> int:
    return size_of_file(path).wal_bytes


@pytest.fixture(autouse=True)
def _limited(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sqlite, sql_store):
        monkeypatch.setattr(module, "WAL_LIMIT_BYTES", LIMIT_BYTES)


async def test_commits_truncate_the_write_ahead_log_after_a_long_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await grow(path, store)
        # The first one copies the log into the file, the second one restarts the log.
        await append(store, [draft("a")])
        await append(store, [draft("b")])
        assert wal_bytes(path) <= LIMIT_BYTES


async def test_measure_empties_a_large_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await grow(path, store)
        await store.measure()
        assert wal_bytes(path) == 0

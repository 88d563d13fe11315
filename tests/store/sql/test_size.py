"""How large a store is, and what becomes of a write-ahead log that has grown."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contracts.drafts import append, draft
from trio_chat.store.sql import sqlite
from trio_chat.store.sql import store as sql_store
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.size import Size, size_of_file
from trio_chat.store.sql.store import SqlStore

LIMIT_BYTES = 100_000


async def test_a_log_says_how_large_it_is(url: str) -> None:
    async with open_sql_store(url) as store:
        empty = await store.measure()
        await append(store, [draft(f"{number}") for number in range(1000)])
        full = await store.measure()
    assert empty.bytes > 0
    assert full.bytes + full.wal_bytes > empty.bytes + empty.wal_bytes + 50_000
    assert bool(full.wal_bytes) is url.startswith("sqlite:")


def test_a_file_that_is_missing_is_empty(tmp_path: Path) -> None:
    assert size_of_file(tmp_path / "chat.db") == Size(0, 0)


async def grow(path: Path, store: SqlStore) -> None:
    """Let the write-ahead log grow while somebody reads all the time."""
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


async def test_commits_cut_a_write_ahead_log_back_after_a_long_reading(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await grow(path, store)
        # The first takes all into the file, the second begins anew.
        await append(store, [draft("a")])
        await append(store, [draft("b")])
        assert wal_bytes(path) <= LIMIT_BYTES


async def test_without_commits_the_next_measuring_empties_it(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await grow(path, store)
        await store.measure()
        assert wal_bytes(path) == 0

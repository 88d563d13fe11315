"""SQLite batches: heads in memory, and changed pages."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from tests.contracts.drafts import ANN, append, draft, everything
from tests.store.sql.tables import connected
from trio_chat.errors import Outage
from trio_chat.protocol.events import Draft
from trio_chat.store.sql import batch, sqlite_batch
from trio_chat.store.sql.compiled import SIZES, filled_up, in_sizes
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.store import SqlStore

PAGE_AND_HEADER_BYTES = 4096 + 24


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/chat.db"


def batches_of(store: SqlStore) -> sqlite_batch.SqliteBatches:
    batches: sqlite_batch.SqliteBatches = store._transact.__self__  # type: ignore[attr-defined]
    return batches


def everywhere(number: int) -> list[Draft]:
    """Return a message with a ref for each of 50 rooms."""
    text = "What people write in a chat is mostly not longer than one line."
    ids = (f"node{number:04x}{room:02x}" for room in range(50))
    return [
        draft(text, f"room{room}", author=ANN, ref=f"{room} {number}", id=id_)
        for room, id_ in enumerate(ids)
    ]


@pytest.fixture
def never_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid the retry after a violated index, which would hide a wrong head."""
    monkeypatch.setattr(batch, "commit_singly", None)


@pytest.mark.usefixtures("never_singly")
async def test_a_commit_of_another_connection_invalidates_the_heads(url: str) -> None:
    async with open_sql_store(url, exclusive=False) as store:
        await append(store, [draft("a")])
        async with open_sql_store(url, exclusive=False) as other:
            await append(other, [draft("b"), draft("c", "dev")])
        written = await append(store, [draft("d"), draft("e", "dev")])
        assert [event.seq for event in written] == [3, 2]
        assert [event.message for event in await everything(store)] == ["a", "b", "d"]


class FailingCommit(sqlite3.Cursor):
    """A cursor that reports a failure after the commit."""

    def execute(self, statement: str, *values: Any) -> Self:  # noqa: ANN401 - as the driver has it
        super().execute(statement, *values)
        if statement == "COMMIT":
            error = sqlite3.OperationalError()
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return self


@pytest.mark.usefixtures("never_singly")
async def test_a_failed_commit_invalidates_the_heads(store: SqlStore) -> None:
    await append(store, [draft("a")])
    batches = batches_of(store)
    driver = batches._driver
    failing = SimpleNamespace(cursor=lambda: driver.cursor(FailingCommit), in_transaction=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "_driver", failing)
        with pytest.raises(Outage, match="the disk reports an error"):
            await store.append([draft("b", "dev"), draft("c")])
    assert [event.seq for event in await append(store, [draft("d")])] == [3]


async def test_a_left_over_transaction_is_rolled_back_first(store: SqlStore) -> None:
    batches = batches_of(store)
    batches._driver.execute("BEGIN")
    assert len(await append(store, [draft("a")])) == 1


async def test_a_full_disk_fails_one_batch(store: SqlStore) -> None:
    await append(store, [draft("a")])
    driver = batches_of(store)._driver
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Outage, match="the disk is full"):
        await store.append([draft("b" * 100_000)])
    driver.execute(f"PRAGMA max_page_count = {pages + 100}")
    assert [event.seq for event in await append(store, [draft("c")])] == [2]


async def test_close_keeps_a_connection_that_a_cancelled_call_uses(url: str) -> None:
    async with open_sql_store(url) as store:
        batches = batches_of(store)
        batches._in_use.acquire()
    assert batches._driver.execute("SELECT 1").fetchone() == (1,)
    batches._driver.close()


async def test_the_number_of_heads_in_memory_is_bounded(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_batch, "_MOST_ROOMS", 10)
    async with open_sql_store(url) as store:
        await append(store, everywhere(1))
        assert [event.seq for event in await append(store, [draft("a", "room7")])] == [2]
        assert list(batches_of(store)._heads) == ["room7"]


async def test_the_row_number_of_a_remaining_text_is_not_reused(url: str) -> None:
    async with open_sql_store(url) as store:
        await append(store, [draft("a"), draft("b", "dev")])
        with connected(url) as connection:
            connection.exec_driver_sql("DELETE FROM chat_events WHERE room = 'general'")
            connection.exec_driver_sql("UPDATE chat_events SET n = 1")
        assert len(await append(store, [draft("c", "dev")])) == 1
    with connected(url) as connection:
        assert connection.exec_driver_sql("SELECT max(n) FROM chat_events").scalar() == 3


async def test_50_messages_in_50_rooms_change_few_pages(tmp_path: Path, url: str) -> None:
    async with open_sql_store(url, sync="normal") as store:
        for number in range(20):
            await append(store, everywhere(number))
        with closing(sqlite3.connect(tmp_path / "chat.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await append(store, everywhere(20))
        pages = (tmp_path / "chat.db-wal").stat().st_size // PAGE_AND_HEADER_BYTES
    # 85 pages with a head for each room and a table of refs.
    assert pages < 45


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 65, 200])
def test_rows_and_keys_are_split_into_the_sizes_of_the_statements(count: int) -> None:
    rows = range(count)
    parts = list(in_sizes(rows))
    assert [row for part in parts for row in part] == [*rows]
    keys = list(filled_up(rows))
    assert {key for part in keys for key in part} == {*rows}
    assert {len(part) for part in (*parts, *keys)} <= {*SIZES}
    assert len(keys) == -(-count // SIZES[0])

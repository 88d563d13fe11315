"""PostgreSQL batches: the heads in memory of an exclusive process."""

from collections.abc import Sequence

import psycopg
import pytest

from tests.contracts.drafts import ANN, append, draft, edit, everything
from tests.store.sql.tables import connected
from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.store.base import Repeated, Stored
from trio_chat.store.sql import postgres_batch
from trio_chat.store.sql.batch import Batch
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.store import SqlStore


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


def run(url: str, statement: str) -> None:
    with connected(url) as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each look-up."""
    found: list[int] = []
    sync = postgres_batch._Pipeline.sync

    def counted(pipeline: postgres_batch._Pipeline) -> None:
        found.append(len(found))
        sync(pipeline)

    monkeypatch.setattr(postgres_batch._Pipeline, "sync", counted)
    return found


async def test_a_batch_in_known_rooms_takes_one_round_trip(
    store: SqlStore, look_ups: Sequence[int]
) -> None:
    await append(store, [draft("a"), draft("a", "dev")])
    before = len(look_ups)
    appended = await append(store, [draft("b", author=ANN, ref="r"), draft("b", "dev")])
    assert [event.seq for event in appended] == [2, 2]
    assert len(look_ups) == before


async def test_a_shared_store_looks_up_each_batch(
    postgres_url: str, look_ups: Sequence[int]
) -> None:
    async with open_sql_store(postgres_url, exclusive=False) as store:
        await append(store, [draft("a")])
        before = len(look_ups)
        await append(store, [draft("b")])
        assert len(look_ups) == before + 1


async def test_a_changed_head_is_looked_up_again(store: SqlStore, url: str) -> None:
    await append(store, [draft("a")])
    run(url, "UPDATE chat_rooms SET head = 7")
    mark = ReadMarker(1, "general", "ann")
    commit = await store.append([draft("b")], [mark])
    assert commit.grown == [mark]
    assert [event.seq for event in await everything(store)] == [1, 8]


async def test_another_history_with_the_same_heads_receives_no_batch(
    store: SqlStore, url: str
) -> None:
    await append(store, [draft("a")])
    run(url, "UPDATE chat_events SET id = 'other'")
    with pytest.raises(HistoryReplaced):
        await store.append([draft("b")])
    assert [event.message for event in await everything(store)] == ["a"]


async def test_a_refused_draft_keeps_the_numbers_of_a_known_room_dense(
    store: SqlStore,
) -> None:
    await append(store, [draft("a")])
    await store.append([draft("b"), draft("\0"), draft("c")])
    await append(store, [draft("d")])
    shown = [(event.seq, event.message) for event in await everything(store)]
    assert shown == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


async def test_a_batch_with_an_unknown_outcome_is_not_repeated(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = postgres_batch._Pipeline.commit
    sent: list[str] = []

    def lose(pipeline: postgres_batch._Pipeline) -> None:
        commit(pipeline)
        sent.append("COMMIT")
        pipeline._driver.close()
        raise psycopg.OperationalError

    monkeypatch.setattr(postgres_batch._Pipeline, "commit", lose)
    async with open_sql_store(postgres_url) as store:
        with pytest.raises(Outage):
            await store.append([draft("a")])
    assert sent == ["COMMIT"]


async def test_an_edit_never_changes_another_history(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = postgres_batch.PostgresTransaction.write

    def behind_another_epoch(transaction: postgres_batch.PostgresTransaction, batch: Batch) -> None:
        monkeypatch.undo()
        run(postgres_url, "UPDATE chat_epochs SET replaced = epoch, epoch = 'another'")
        write(transaction, batch)

    async with open_sql_store(postgres_url, exclusive=False) as store:
        await append(store, [draft("old", author=ANN)])
        monkeypatch.setattr(postgres_batch.PostgresTransaction, "write", behind_another_epoch)
        change = edit("id-general-old", "new", ref="e")
        with pytest.raises(HistoryReplaced):
            await store.append([change])
        assert [event.message for event in await everything(store)] == ["old"]
        await append(store, [change])
        assert [event.message for event in await everything(store)] == ["new", "new"]


async def test_a_repeat_invalidates_only_the_head_of_its_room(
    store: SqlStore, look_ups: Sequence[int]
) -> None:
    await append(store, [draft("a", author=ANN, ref="r"), draft("a", "dev")])
    await append(store, [draft("b"), draft("b", "dev")])
    repeat = await store.append([draft("a", author=ANN, ref="r"), draft("d")])
    assert repeat.outcomes == [Repeated("id-general-a", 1), Stored(draft("d").numbered(3))]
    await store.append([draft("a", author=ANN, ref="r")])
    before = len(look_ups)
    await append(store, [draft("c", "dev")])
    assert len(look_ups) == before

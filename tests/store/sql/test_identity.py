"""Epochs: a database with another history gets a new one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
import trio
import trio.testing
from sqlalchemy import select, update

from tests.contracts.drafts import append, draft, everything
from tests.store.sql.gate import Gate
from tests.store.sql.tables import connected, copy_of, put_back
from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.schema import epochs
from trio_chat.store.sql.store import SqlStore

Changes = list[tuple[str, str]]


@pytest.fixture
def changes() -> Changes:
    """Pairs of a replaced epoch and the new one."""
    return []


@pytest.fixture
async def store(url: str, changes: Changes) -> AsyncIterator[SqlStore]:
    def note(old: str, new: str) -> None:
        changes.append((old, new))

    async with open_sql_store(url, exclusive=False, on_new_epoch=note) as opened:
        yield opened


def another(url: str) -> AbstractAsyncContextManager[SqlStore]:
    return open_sql_store(url, exclusive=False)


async def test_a_restored_copy_gets_a_new_epoch_instead_of_the_batch(
    store: SqlStore, url: str, changes: Changes
) -> None:
    await append(store, [draft("a")])
    copy, begun = copy_of(url), store.epoch
    await append(store, [draft("b")])
    put_back(url, copy)
    with pytest.raises(HistoryReplaced):
        await store.append([draft("c")])
    assert changes == [(begun, store.epoch)]
    assert (await store.positions(["general"]))["general"].epoch == store.epoch
    assert [event.seq for event in await append(store, [draft("d")])] == [2]
    assert [one.message for one in await everything(store)] == ["a", "d"]
    assert len(changes) == 1


async def test_a_diverged_copy_with_the_same_heads_is_another_history(
    store: SqlStore, url: str, changes: Changes
) -> None:
    await append(store, [draft("a")])
    copy = copy_of(url)
    await append(store, [draft("b")])
    put_back(url, copy)
    async with another(url) as other:
        await append(other, [draft("c"), draft("d")])
    with pytest.raises(HistoryReplaced):
        await store.append((), [ReadMarker(2, "general", "ann")])
    assert len(changes) == 1
    assert [event.message for event in await everything(store)] == ["a", "c", "d"]


async def test_a_waiting_batch_is_not_committed_to_another_history(store: SqlStore) -> None:
    await append(store, [draft("a")])

    async def find_another_history() -> None:
        with pytest.raises(HistoryReplaced):
            await store.append([draft("b")])

    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store._thread.call, gate)
        nursery.start_soon(store.take_new_epoch, store.epoch)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(find_another_history)
        await trio.testing.wait_all_tasks_blocked()
        gate.is_open.set()
    assert [event.message for event in await everything(store)] == ["a"]


@pytest.mark.parametrize("is_read", [False, True])
async def test_a_check_finds_another_history_once_by_events_of_other_nodes(
    store: SqlStore, url: str, changes: Changes, *, is_read: bool
) -> None:
    if not is_read:
        await append(store, [draft("a")])
    copy = copy_of(url)
    async with another(url) as other:
        await append(other, [draft("b")])
    if is_read:
        await store.read_before("general", 9, 9)
    else:
        await store.check()
    assert not changes
    put_back(url, copy)
    for _ in range(2):
        await store.check()
    assert len(changes) == 1


async def test_nodes_on_one_store_agree_on_the_new_epoch(url: str) -> None:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(another(url)) for _ in range(3)]
        copy = copy_of(url)
        begun = stores[0].epoch
        for one, text in zip(stores, "abc", strict=True):
            await append(one, [draft(text)])
        put_back(url, copy)
        for one in stores:
            await one.check()
        (epoch,) = {one.epoch for one in stores}
        assert epoch != begun
        for one, text in zip(stores, "def", strict=True):
            assert len(await append(one, [draft(text)])) == 1


async def test_a_replaced_epoch_is_never_adopted_again(
    store: SqlStore, url: str, changes: Changes
) -> None:
    await append(store, [draft("a")])
    copy = copy_of(url)
    await store.take_new_epoch(store.epoch)
    put_back(url, copy)
    await store.check()
    assert len({epoch for change in changes for epoch in change}) == 3


async def test_an_epoch_from_before_the_last_start_is_not_adopted(url: str) -> None:
    async with another(url) as before:
        await append(before, [draft("a")])
        copy, first = copy_of(url), before.epoch
        await append(before, [draft("b")])
        second = await before.take_new_epoch(first)
    async with another(url) as store:
        await append(store, [draft("c")])
        assert store.epoch == second
        put_back(url, copy)
        await store.check()
        assert store.epoch not in {first, second}


async def test_the_database_keeps_the_last_hundred_replaced_epochs(
    store: SqlStore, url: str
) -> None:
    with connected(url) as connection:
        replaced = " ".join(f"e{number}" for number in range(200))
        connection.execute(update(epochs).values(replaced=replaced))
    begun = store.epoch
    await store.take_new_epoch(begun)
    with connected(url) as connection:
        kept = connection.execute(select(epochs.c.replaced)).scalar_one().split()
    assert kept == [*(f"e{number}" for number in range(101, 200)), begun]


async def epoch_of_positions(store: SqlStore) -> str | None:
    return (await store.positions(["general"]))["general"].epoch


async def epoch_before(store: SqlStore) -> str | None:
    return (await store.read_before("general", 9, 9)).epoch


async def epoch_after(store: SqlStore) -> str | None:
    return (await store.read_after("general", 0, 9)).epoch


@pytest.mark.parametrize("read", [epoch_of_positions, epoch_before, epoch_after])
async def test_another_epoch_in_a_read_raises_suspicion_and_a_check_adopts_it(
    store: SqlStore, url: str, read: Callable[[SqlStore], Awaitable[str | None]]
) -> None:
    await append(store, [draft("a")])
    assert await read(store) == store.epoch
    with connected(url) as connection:
        connection.execute(update(epochs).values(epoch="another", replaced=f"older {store.epoch}"))
    assert await read(store) == "another"
    await store.suspicion()
    await store.check()
    assert store.epoch == "another"


async def test_a_database_without_an_epoch_is_an_outage(
    store: SqlStore, url: str, changes: Changes
) -> None:
    with connected(url) as connection:
        connection.execute(epochs.delete())
    for call in (store.check(), store.positions(["general"]), store.append([draft("a")])):
        with pytest.raises(Outage, match="no epoch"):
            await call
    assert not changes

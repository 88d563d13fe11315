"""A database that comes back with another history gets another epoch."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio
import trio.testing
from sqlalchemy import select, update

from tests.contracts.drafts import append, draft, everything
from tests.store.sql.gate import Gate
from tests.store.sql.tables import connected, copy_of, put_back
from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.store.base import Mark
from trio_chat.store.sql.opened import open_sql_log
from trio_chat.store.sql.schema import epochs
from trio_chat.store.sql.store import SqlLog

Changes = list[tuple[str, str]]


@pytest.fixture
def changes() -> Changes:
    """The epochs that were replaced, and by which."""
    return []


@pytest.fixture
async def log(url: str, changes: Changes) -> AsyncIterator[SqlLog]:
    async with AsyncExitStack() as stack:
        opened = open_sql_log(url, exclusive=False, on_new_epoch=partial(_note, changes))
        yield await stack.enter_async_context(opened)


def _note(changes: Changes, old: str, new: str) -> None:
    changes.append((old, new))


async def test_a_batch_for_an_older_copy_is_not_committed_and_there_is_a_new_epoch(
    log: SqlLog, url: str, changes: Changes
) -> None:
    await append(log, [draft("a")])
    copy, begun = copy_of(url), log.epoch
    await append(log, [draft("b")])
    put_back(url, copy)
    with pytest.raises(HistoryReplaced):
        await log.append([draft("c")])
    assert changes == [(begun, log.epoch)]
    assert (await log.stands(["general"]))["general"].epoch == log.epoch
    (event,) = await append(log, [draft("d")])
    assert [one.message for one in await everything(log)] == ["a", "d"]
    assert event.seq == 2
    assert len(changes) == 1


async def test_a_copy_that_has_gone_on_to_the_same_seqs_is_another_history(
    log: SqlLog, url: str, changes: Changes
) -> None:
    await append(log, [draft("a")])
    copy = copy_of(url)
    await append(log, [draft("b")])
    ours = copy_of(url)
    put_back(url, copy)
    async with open_sql_log(url, exclusive=False) as other:
        await append(other, [draft("c"), draft("d")])
    with pytest.raises(HistoryReplaced):
        await log.append((), [Mark("general", "ann", 2)])
    assert len(changes) == 1
    assert len(copy_of(url)["chat_events"]) > len(ours["chat_events"])


async def test_a_batch_that_waited_while_another_history_was_found_is_not_committed_to_it(
    log: SqlLog,
) -> None:
    await append(log, [draft("a")])
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log._thread.call, gate)
        nursery.start_soon(log.take_new_epoch, log.epoch)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(_find_another_history, log)
        await trio.testing.wait_all_tasks_blocked()
        gate.is_open.set()
    assert [event.message for event in await everything(log)] == ["a"]


async def _find_another_history(log: SqlLog) -> None:
    with pytest.raises(HistoryReplaced):
        await log.append([draft("b")])


async def test_a_log_that_is_not_written_finds_out_when_it_is_checked(
    log: SqlLog, url: str, changes: Changes
) -> None:
    await append(log, [draft("a")])
    copy = copy_of(url)
    await append(log, [draft("b")])
    await log.check()
    assert not changes
    put_back(url, copy)
    await log.check()
    await log.check()
    assert len(changes) == 1


async def test_what_others_have_appended_is_looked_for_as_well(
    log: SqlLog, url: str, changes: Changes
) -> None:
    async with open_sql_log(url, exclusive=False) as other:
        await append(log, [draft("a")])
        copy = copy_of(url)
        await append(other, [draft("b")])
    await log.check()
    put_back(url, copy)
    await log.check()
    assert len(changes) == 1


async def test_nodes_on_one_store_agree_on_the_new_epoch(url: str) -> None:
    async with AsyncExitStack() as stack:
        logs = [
            await stack.enter_async_context(open_sql_log(url, exclusive=False)) for _ in range(3)
        ]
        copy = copy_of(url)
        begun = logs[0].epoch
        for one, text in zip(logs, "abc", strict=True):
            await append(one, [draft(text)])
        put_back(url, copy)
        for one in logs:
            await one.check()
        (epoch,) = {one.epoch for one in logs}
        assert epoch != begun


async def test_an_epoch_that_another_process_has_set_is_taken(
    log: SqlLog, url: str, changes: Changes
) -> None:
    await append(log, [draft("a")])
    async with open_sql_log(url, exclusive=False) as other:
        epoch = await other.take_new_epoch(other.epoch)
    await log.check()
    assert log.epoch == epoch
    await append(log, [draft("b")])
    assert len(changes) == 1


async def test_an_epoch_that_was_replaced_is_not_taken_again(
    log: SqlLog, url: str, changes: Changes
) -> None:
    await append(log, [draft("a")])
    copy = copy_of(url)
    await log.take_new_epoch(log.epoch)
    put_back(url, copy)
    await log.check()
    assert len({epoch for change in changes for epoch in change}) == 3


async def test_an_epoch_from_before_the_last_start_that_comes_back_is_not_taken(url: str) -> None:
    async with open_sql_log(url, exclusive=False) as before:
        await append(before, [draft("a")])
        copy, first = copy_of(url), before.epoch
        await append(before, [draft("b")])
        second = await before.take_new_epoch(first)
    async with open_sql_log(url, exclusive=False) as log:
        await append(log, [draft("c")])
        assert log.epoch == second
        put_back(url, copy)
        await log.check()
        assert log.epoch not in {first, second}


async def test_a_database_remembers_no_more_than_the_last_epochs_it_has_replaced(
    log: SqlLog, url: str
) -> None:
    with connected(url) as connection:
        replaced = " ".join(f"e{number}" for number in range(200))
        connection.execute(update(epochs).values(replaced=replaced))
    begun = log.epoch
    await log.take_new_epoch(begun)
    with connected(url) as connection:
        kept = connection.execute(select(epochs.c.replaced)).scalar_one().split()
    assert kept == [*(f"e{number}" for number in range(101, 200)), begun]


async def test_a_new_epoch_is_taken_once_for_the_one_that_was_known(
    log: SqlLog, changes: Changes
) -> None:
    await append(log, [draft("a")])
    begun = log.epoch
    epoch = await log.take_new_epoch(begun)
    assert epoch == await log.take_new_epoch(begun) == log.epoch != begun
    assert len(changes) == 1
    assert [event.seq for event in await append(log, [draft("b")])] == [2]


async def test_a_read_of_another_epoch_is_a_reason_to_check_at_once(log: SqlLog, url: str) -> None:
    with connected(url) as connection:
        connection.execute(update(epochs).values(epoch="another", replaced=f"older {log.epoch}"))
    assert (await log.stands(["general"]))["general"].epoch == "another"
    await log.suspicion()
    await log.check()
    assert log.epoch == "another"


async def test_a_page_says_of_which_history_it_is(log: SqlLog, url: str) -> None:
    await append(log, [draft("a")])
    assert (await log.read_before("general", 9, 9)).epoch == log.epoch
    with connected(url) as connection:
        connection.execute(update(epochs).values(epoch="another"))
    assert (await log.read_after("general", 0, 9)).epoch == "another"
    await log.suspicion()


async def test_what_was_read_is_looked_for_by_a_process_that_has_appended_nothing(
    log: SqlLog, url: str, changes: Changes
) -> None:
    copy = copy_of(url)
    async with open_sql_log(url, exclusive=False) as other:
        await append(other, [draft("a")])
    await log.read_before("general", 9, 9)
    put_back(url, copy)
    await log.check()
    assert len(changes) == 1


async def test_tables_that_are_being_restored_are_out_of_reach(
    log: SqlLog, url: str, changes: Changes
) -> None:
    with connected(url) as connection:
        connection.execute(epochs.delete())
    for call in (log.check(), log.stands(["general"]), log.append([draft("a")])):
        with pytest.raises(Outage, match="no epoch"):
            await call
    assert not changes

"""Pruning of rooms that hold only notices."""

from functools import partial

import pytest
from sqlalchemy import func, select

from tests.contracts.drafts import ANN, NOW_MS, append, draft, edit, everything
from tests.store.sql.tables import connected, metadata_of
from trio_chat.protocol.events import Draft, Kind
from trio_chat.store.sql import quiet
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.quiet import QUIET_MS
from trio_chat.store.sql.store import SqlStore

DAY_LATER = NOW_MS + QUIET_MS


def notices(room: str, count: int, first: int = 0) -> list[Draft]:
    kinds = (Kind.JOINED, Kind.LEFT)
    return [draft(f"{n}", room, kind=kinds[n % 2]) for n in range(first, first + count)]


async def test_pruning_keeps_the_newest_notice_and_the_numbers(url: str) -> None:
    async with open_sql_store(url) as store:
        await append(store, notices("quiet", 7))
        before = (await everything(store, "quiet"))[-1]
        await store.prune_quiet_rooms(DAY_LATER)
        assert await everything(store, "quiet") == [before]
        (event,) = await append(store, notices("quiet", 1, 7))
        assert event.seq == 8
        page = await store.read_after("quiet", 0, 10)
        assert [event.seq for event in page.events] == [7, 8]
    async with open_sql_store(url) as store:
        position = (await store.positions(["quiet"]))["quiet"]
        assert (position.head, position.epoch) == (8, store.epoch)


async def test_a_room_with_a_message_keeps_everything(store: SqlStore) -> None:
    message = draft("hi", "spoken", author=ANN)
    await append(store, [*notices("spoken", 3), message, *notices("spoken", 3, 3)])
    deleted = draft("oh", "deleted", author=ANN, id="gone")
    await append(store, [deleted, *notices("deleted", 3)])
    await append(store, [edit("gone", "other", room="deleted")])
    await store.prune_quiet_rooms(DAY_LATER + QUIET_MS)
    assert len(await everything(store, "spoken")) == 7
    assert len(await everything(store, "deleted")) == 5


async def test_a_room_with_a_recent_notice_keeps_everything(store: SqlStore) -> None:
    await append(store, notices("quiet", 3))
    await store.prune_quiet_rooms(DAY_LATER - 1)
    assert len(await everything(store, "quiet")) == 3


async def test_an_open_room_keeps_everything(store: SqlStore) -> None:
    await append(store, notices("quiet", 3))
    await store.positions(["quiet"])
    await store.prune_quiet_rooms(DAY_LATER)
    assert len(await everything(store, "quiet")) == 3
    await store.forget("quiet")
    assert len(await everything(store, "quiet")) == 3
    await store.prune_quiet_rooms(DAY_LATER)
    assert len(await everything(store, "quiet")) == 1


async def test_pruning_continues_over_bounded_parts(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "_EVENTS_AT_ONCE", 3)
    monkeypatch.setattr(quiet, "_ROOMS_AT_ONCE", 2)
    async with open_sql_store(url) as store:
        rooms = [f"room{number}" for number in range(5)]
        for room in rooms:
            await append(store, notices(room, 8))
        await store.prune_quiet_rooms(DAY_LATER)
        assert [len(await everything(store, room)) for room in rooms] == [1] * 5


async def test_a_room_with_a_message_since_the_look_keeps_everything(store: SqlStore) -> None:
    await append(store, notices("quiet", 3))
    await append(store, [draft("hi", "quiet")])
    statements = store._quiet._statements
    assert not await store._with_writer(partial(quiet.forget, statements, "quiet", DAY_LATER))
    assert len(await everything(store, "quiet")) == 4


async def test_pruned_events_are_no_other_history(url: str) -> None:
    async with open_sql_store(url) as store:
        await append(store, notices("quiet", 3))
        epoch = store.epoch
    async with open_sql_store(url) as store:
        await store.read_after("quiet", 0, 1)
        await store.prune_quiet_rooms(DAY_LATER)
        await store.check()
        assert store.epoch == epoch


async def test_pruning_deletes_the_texts_in_postgresql_only(url: str) -> None:
    async with open_sql_store(url) as store:
        await append(store, notices("quiet", 3))
        await store.prune_quiet_rooms(DAY_LATER)
    with connected(url) as connection:
        texts = metadata_of(url).tables["chat_texts"]
        kept = connection.execute(select(func.count()).select_from(texts)).scalar_one()
    assert kept == (3 if url.startswith("sqlite:") else 1)

"""Which log is opened, and what keeps it well."""

import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.store.sick import SickStore
from tests.store.sql.gate import Gate
from trio_chat.errors import Outage, StartError
from trio_chat.metrics import Metrics
from trio_chat.protocol.events import Draft
from trio_chat.settings import Settings
from trio_chat.store.base import Store
from trio_chat.store.breaker import LIMIT_SECONDS
from trio_chat.store.guard import GuardedStore
from trio_chat.store.memory import MemoryStore
from trio_chat.store.opening import (
    CHECK_SECONDS,
    FIRST_PRUNE_SECONDS,
    MEASURE_SECONDS,
    PRUNE_SECONDS,
    check_periodically,
    measure_periodically,
    open_store,
    prune_periodically,
    save_mark_periodically,
)
from trio_chat.store.sql import batch, opened
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.size import Size

NOW_MS = 1_700_000_000_000


NOW_MS_OF_2024 = 1_704_000_000_000


class PrunedStore(SickStore):
    """One that can be pruned, as those in a database can."""

    def __init__(self) -> None:
        super().__init__()
        self.pruned: list[float] = []
        self.pruned_rooms: list[float] = []
        self.opened_with: dict[str, object] = {}
        self.bytes = 1000

    async def suspicion(self) -> None:
        """There is none."""
        await trio.sleep_forever()

    async def limit_calls(self) -> None:
        """Its appends end in time."""

    async def save_mark(self) -> None:
        """There is none."""
        await trio.lowlevel.checkpoint()

    async def prune(self) -> None:
        """Take note of when, and fail if it is ill."""
        self.pruned.append(trio.current_time())
        await self.probe()

    async def prune_quiet_rooms(self, now_ms: int) -> None:
        """Take note of when."""
        assert now_ms > NOW_MS_OF_2024
        self.pruned_rooms.append(trio.current_time())

    async def measure(self) -> Size:
        """Give a size, or fail if it is ill."""
        await self.probe()
        return Size(self.bytes, self.bytes // 10)

    async def check(self) -> None:
        """Fail if it is ill."""
        await self.probe()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> PrunedStore:
    """What every durable store is here, and what it was opened with."""
    store = PrunedStore()

    @asynccontextmanager
    async def open_sql_store(url: str, **options: Any) -> AsyncIterator[PrunedStore]:  # noqa: ANN401
        store.opened_with = {"url": url, **options}
        yield store

    monkeypatch.setattr(opened, "open_sql_store", open_sql_store)
    return store


async def test_a_log_in_memory_is_used_as_it_is_and_always_well() -> None:
    async with open_store(Settings(store="memory:"), Metrics()) as kept:
        assert isinstance(kept.store, MemoryStore)
        assert kept.last_error() is None
        assert not kept.tasks


async def test_a_durable_log_is_guarded_and_has_what_was_appended_the_next_time(
    tmp_path: Path,
) -> None:
    settings = Settings(store=f"sqlite:{tmp_path}/chat.db")
    async with open_store(settings, Metrics()) as kept:
        assert isinstance(kept.store, GuardedStore)
        await kept.store.append([Draft("id", "general", "ann", "hello", NOW_MS)])
    async with open_store(settings, Metrics()) as kept:
        page = await kept.store.read_before("general", 9, 9)
    assert [event.message for event in page.events] == ["hello"]


async def test_an_append_that_stands_still_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    gate = Gate()
    monkeypatch.setattr(batch, "commit", lambda *_: gate())
    settings = Settings(store=f"sqlite:{tmp_path}/chat.db")

    async def append(store: Store) -> None:
        with pytest.raises(Outage, match="it did not answer within 5 s"):
            await store.append([Draft("id", "general", "ann", "hello", NOW_MS)])
        gate.is_open.set()

    async with open_store(settings, Metrics()) as kept, trio.open_nursery() as nursery:
        for task in kept.tasks:
            nursery.start_soon(task)
        async with trio.open_nursery() as appending:
            appending.start_soon(append, kept.store)
            await gate.has_begun()
            mock_clock.jump(LIMIT_SECONDS)
        nursery.cancel_scope.cancel()


async def test_the_settings_of_a_durable_log_reach_it(database: PrunedStore) -> None:
    settings = Settings(
        store="postgresql://db.example/chat",
        store_sync="normal",
        store_pool_size=1,
        store_pool_overflow=2,
        store_pool_lifetime_seconds=3,
        store_pool_pre_ping="off",
    )
    async with open_store(settings, Metrics()):
        del database.opened_with["on_new_epoch"]
        assert database.opened_with == {
            "url": "postgresql://db.example/chat",
            "exclusive": True,
            "sync": "normal",
            "pool": Pool(size=1, overflow=2, lifetime_seconds=3, pre_ping=False),
        }


async def test_with_a_backplane_other_nodes_may_have_the_same_log(database: PrunedStore) -> None:
    settings = Settings(store="postgresql://db.example/chat", backplane="redis://redis.example")
    async with open_store(settings, Metrics()):
        assert database.opened_with["exclusive"] is False


async def test_a_durable_log_is_in_trouble_until_it_can_be_written_again(
    database: PrunedStore, autojump_clock: MockClock
) -> None:
    async with (
        open_store(Settings(store="sqlite:chat.db"), Metrics()) as kept,
        trio.open_nursery() as nursery,
    ):
        for task in kept.tasks:
            nursery.start_soon(task)
        database.fault = "disk full"
        with pytest.raises(Outage):
            await kept.store.positions(["general"])
        await trio.sleep(60)
        assert kept.last_error() == "disk full"
        database.fault = None
        began = autojump_clock.current_time()
        await trio.sleep(6)
        assert kept.last_error() is None
        assert autojump_clock.current_time() == began + 6
        nursery.cancel_scope.cancel()


async def test_a_log_that_nobody_uses_is_checked_every_ten_seconds(
    database: PrunedStore,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with (
        open_store(Settings(store="sqlite:chat.db"), Metrics()) as kept,
        trio.open_nursery() as nursery,
    ):
        for task in kept.tasks:
            nursery.start_soon(task)
        await trio.sleep(2.5 * CHECK_SECONDS)
        assert kept.last_error() is None
        database.fault = "its file was removed"
        await trio.sleep(CHECK_SECONDS)
        assert kept.last_error() == "its file was removed"
        nursery.cancel_scope.cancel()


async def test_quiet_rooms_are_pruned_with_what_has_expired(
    database: PrunedStore, autojump_clock: MockClock
) -> None:
    began = autojump_clock.current_time()
    async with (
        open_store(Settings(store="sqlite:chat.db"), Metrics()) as kept,
        trio.open_nursery() as nursery,
    ):
        for task in kept.tasks:
            nursery.start_soon(task)
        await trio.sleep(FIRST_PRUNE_SECONDS + 1)
        assert [at - began for at in database.pruned_rooms] == [FIRST_PRUNE_SECONDS]
        nursery.cancel_scope.cancel()


async def test_another_history_is_one_line_and_is_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    settings = Settings(store=f"sqlite:{tmp_path}/chat.db")
    async with open_store(settings, metrics) as kept:
        begun = kept.store.epoch
        with capture_logs() as lines:
            epoch = await kept.store.take_new_epoch(begun)
    assert lines == [
        {"event": "store history replaced", "log_level": "error", "old": begun, "new": epoch}
    ]
    assert b"trio_chat_store_epoch_changes_total 1.0" in metrics.text()


async def test_the_history_is_checked_every_ten_seconds_and_sooner_with_a_reason(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    checked: list[float] = []
    reasons = [3.0, math.inf, math.inf, math.inf]
    began = trio.current_time()

    async def check() -> None:
        await trio.lowlevel.checkpoint()
        checked.append(trio.current_time() - began)
        raise Outage("disk full")

    async def suspicion() -> None:
        await trio.sleep(reasons.pop(0))

    with trio.move_on_after(25):
        await check_periodically(check, suspicion)
    assert checked == [3, 13, 23]


async def test_the_mark_is_written_once_a_second(autojump_clock: MockClock) -> None:
    written: list[float] = []

    async def save() -> None:
        await trio.lowlevel.checkpoint()
        written.append(autojump_clock.current_time())

    with trio.move_on_after(2.5):
        await save_mark_periodically(save)
    assert [round(later - written[0]) for later in written] == [0, 1]


async def test_what_has_expired_is_deleted_soon_after_the_start_and_then_every_hour(
    autojump_clock: MockClock,
) -> None:
    store = PrunedStore()
    began = autojump_clock.current_time()
    with trio.move_on_after(FIRST_PRUNE_SECONDS + 2.5 * PRUNE_SECONDS):
        await prune_periodically(store.prune)
    assert [at - began for at in store.pruned] == [10, 3610, 7210]


async def test_the_size_of_a_log_is_measured_every_half_minute_but_for_an_outage(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    store, metrics = PrunedStore(), Metrics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure_periodically, store.measure, metrics)
        await trio.sleep(MEASURE_SECONDS / 2)
        for fault, size, shown in ((None, 1000, 1000), ("gone", 2000, 1000), (None, 3000, 3000)):
            store.fault, store.bytes = fault, size
            await trio.sleep(MEASURE_SECONDS)
            assert f"trio_chat_store_bytes {shown:.1f}\n".encode() in metrics.text()
            assert f"trio_chat_store_wal_bytes {shown / 10:.1f}\n".encode() in metrics.text()
        nursery.cancel_scope.cancel()


async def test_a_log_that_is_out_of_reach_is_pruned_the_next_time(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    store = PrunedStore()
    store.fault = "disk full"
    with capture_logs() as lines, trio.move_on_after(FIRST_PRUNE_SECONDS + 1.5 * PRUNE_SECONDS):
        await prune_periodically(store.prune)
    assert len(store.pruned) == len(lines) == 2
    assert lines[0]["reason"] == "disk full"


async def test_without_the_extra_a_log_in_postgresql_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "trio_chat.store.sql.postgres", raising=False)
    monkeypatch.delattr("trio_chat.store.sql.postgres", raising=False)
    with pytest.raises(StartError, match=r"pip install 'trio-chat\[postgres\]'"):
        async with open_store(Settings(store="postgresql://ann:hush@db.example/chat"), Metrics()):
            pass

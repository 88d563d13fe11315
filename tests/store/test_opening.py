"""The choice of the store by the settings, and its periodic tasks."""

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
    OpenedStore,
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
    """A sick store with the tasks of a store in a database."""

    limit_calls = save_mark = staticmethod(trio.lowlevel.checkpoint)
    suspicion = staticmethod(trio.sleep_forever)
    prune = check = SickStore.probe

    def __init__(self) -> None:
        super().__init__()
        self.pruned_rooms: list[float] = []
        self.opened_with: dict[str, object] = {}
        self.bytes = 1000

    async def prune_quiet_rooms(self, now_ms: int) -> None:
        assert now_ms > NOW_MS_OF_2024
        self.pruned_rooms.append(trio.current_time())

    async def measure(self) -> Size:
        await self.probe()
        return Size(self.bytes, self.bytes // 10)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> PrunedStore:
    store = PrunedStore()

    @asynccontextmanager
    async def open_sql_store(url: str, **options: Any) -> AsyncIterator[PrunedStore]:  # noqa: ANN401
        store.opened_with = {"url": url, **options}
        yield store

    monkeypatch.setattr(opened, "open_sql_store", open_sql_store)
    return store


async def test_a_store_in_memory_needs_no_guard() -> None:
    async with open_store(Settings(store="memory:"), Metrics()) as kept:
        assert isinstance(kept.store, MemoryStore)
        assert kept.last_error() is None
        assert not kept.tasks


async def test_a_durable_store_is_guarded_and_keeps_its_events(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:{tmp_path}/chat.db")
    async with open_store(settings, Metrics()) as kept:
        assert isinstance(kept.store, GuardedStore)
        await kept.store.append([Draft("id", "general", "ann", "hello", NOW_MS)])
    async with open_store(settings, Metrics()) as kept:
        page = await kept.store.read_before("general", 9, 9)
    assert [event.message for event in page.events] == ["hello"]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[OpenedStore]:
    async with open_store(settings, Metrics()) as kept, trio.open_nursery() as nursery:
        for task in kept.tasks:
            nursery.start_soon(task)
        yield kept
        nursery.cancel_scope.cancel()


async def test_an_append_that_hangs_fails_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    gate = Gate()
    monkeypatch.setattr(batch, "commit", lambda *_: gate())

    async def append(store: Store) -> None:
        with pytest.raises(Outage, match="it did not answer within 5 s"):
            await store.append([Draft("id", "general", "ann", "hello", NOW_MS)])
        gate.is_open.set()

    async with (
        running(Settings(store=f"sqlite:{tmp_path}/chat.db")) as kept,
        trio.open_nursery() as appending,
    ):
        appending.start_soon(append, kept.store)
        await gate.has_begun()
        mock_clock.jump(LIMIT_SECONDS)


@pytest.mark.parametrize("backplane", ["local:", "redis://redis.example"])
async def test_a_durable_store_is_opened_with_its_settings(
    database: PrunedStore, backplane: str
) -> None:
    settings = Settings(
        store="postgresql://db.example/chat",
        store_sync="normal",
        store_pool_size=1,
        store_pool_overflow=2,
        store_pool_lifetime_seconds=3,
        store_pool_pre_ping="off",
        backplane=backplane,
    )
    async with open_store(settings, Metrics()):
        del database.opened_with["on_new_epoch"]
        assert database.opened_with == {
            "url": "postgresql://db.example/chat",
            "exclusive": backplane == "local:",
            "sync": "normal",
            "pool": Pool(size=1, overflow=2, lifetime_seconds=3, pre_ping=False),
        }


async def test_the_tasks_of_a_durable_store_notice_outages_and_recovery(
    database: PrunedStore, autojump_clock: MockClock
) -> None:
    began = autojump_clock.current_time()
    async with running(Settings(store="sqlite:chat.db")) as kept:
        await trio.sleep(2.5 * CHECK_SECONDS)
        assert kept.last_error() is None
        assert [at - began for at in database.pruned_rooms] == [FIRST_PRUNE_SECONDS]
        database.fault = "its file was removed"
        await trio.sleep(CHECK_SECONDS)
        assert kept.last_error() == "its file was removed"
        await trio.sleep(60)
        database.fault = None
        await trio.sleep(6)
        assert kept.last_error() is None


class Calls:
    """A function that records the seconds until each call, and may raise `Outage`."""

    def __init__(self, fault: str | None = None) -> None:
        self.fault = fault
        self.began = trio.current_time()
        self.seconds: list[float] = []

    async def __call__(self) -> None:
        await trio.lowlevel.checkpoint()
        self.seconds.append(trio.current_time() - self.began)
        if self.fault is not None:
            raise Outage(self.fault)


async def test_prune_periodically_prunes_after_the_start_and_each_hour_despite_outages(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    prune = Calls("disk full")
    with capture_logs() as lines, trio.move_on_after(FIRST_PRUNE_SECONDS + 2.5 * PRUNE_SECONDS):
        await prune_periodically(prune)
    assert prune.seconds == [10, 3610, 7210]
    assert [line["reason"] for line in lines] == ["disk full"] * 3


async def test_check_periodically_checks_every_ten_seconds_or_on_suspicion(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    check, reasons = Calls("disk full"), [3.0, math.inf, math.inf, math.inf]

    async def suspicion() -> None:
        await trio.sleep(reasons.pop(0))

    with trio.move_on_after(25):
        await check_periodically(check, suspicion)
    assert check.seconds == [3, 13, 23]


async def test_save_mark_periodically_saves_once_a_second(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    save = Calls()
    with trio.move_on_after(2.5):
        await save_mark_periodically(save)
    assert save.seconds == [1, 2]


async def test_another_history_writes_one_line_and_is_counted(tmp_path: Path) -> None:
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


async def test_measure_periodically_measures_twice_a_minute_and_survives_outages(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    store, metrics = PrunedStore(), Metrics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure_periodically, store.measure, metrics)
        await trio.sleep(MEASURE_SECONDS / 2)
        for fault, size, shown in ((None, 1000, 1000), ("?", 2000, 1000), (None, 3000, 3000)):
            store.fault, store.bytes = fault, size
            await trio.sleep(MEASURE_SECONDS)
            assert f"trio_chat_store_bytes {shown:.1f}\n".encode() in metrics.text()
            assert f"trio_chat_store_wal_bytes {shown / 10:.1f}\n".encode() in metrics.text()
        nursery.cancel_scope.cancel()


async def test_a_missing_postgresql_driver_names_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "trio_chat.store.sql.postgres", raising=False)
    monkeypatch.delattr("trio_chat.store.sql.postgres", raising=False)
    with pytest.raises(StartError, match=r"pip install 'trio-chat\[postgres\]'"):
        async with open_store(Settings(store="postgresql://ann:hush@db.example/chat"), Metrics()):
            pass

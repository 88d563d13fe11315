"""Opens the store of the settings and runs its upkeep: a part of the composition root."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import frozen

from trio_chat.errors import Outage
from trio_chat.metrics import Metrics
from trio_chat.settings import Settings
from trio_chat.store.base import Store
from trio_chat.store.guard import GuardedStore
from trio_chat.store.memory import MemoryStore
from trio_chat.store.registry import NodeRegistry

if TYPE_CHECKING:
    from trio_chat.store.sql.size import Size

_logger = structlog.get_logger(__name__)

PRUNE_SECONDS: Final = 3600.0
"""Time between two deletions of expired data. Data expires after a day."""

FIRST_PRUNE_SECONDS: Final = 10.0
"""Delay of the first deletion after the start, when the rush of returning clients is over."""

CHECK_SECONDS: Final = 10.0
"""Time between two checks of an idle store.

The operator soon learns of a removed file, and no page has a replaced history for longer."""

MARK_SECONDS: Final = 1.0
"""Minimum time between two writes of the high-water mark. At the start, the server does not notice
an older copy that lacks less than this much of the end."""

MEASURE_SECONDS: Final = 30.0
"""Time between two measurements of the store. A graph shows a day; a disk fills in hours."""


@frozen
class OpenedStore:
    """An open store and its upkeep.

    Attributes:
        store: The store.
        last_error: Returns why the store is unavailable, for people; None while it works.
        tasks: Run these during the whole use; they end by cancellation.
        check: Checks that the store still holds the same history; may raise `Outage`.
        registry: The registry of nodes that share the store; None if nodes cannot share it.
    """

    store: Store
    last_error: Callable[[], str | None]
    tasks: Sequence[Callable[[], Awaitable[None]]]
    check: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint
    registry: NodeRegistry | None = None


@asynccontextmanager
async def open_store(settings: Settings, metrics: Metrics) -> AsyncIterator[OpenedStore]:
    """Open the store of the settings for the length of the block.

    Raises:
        StartError: Opening failed; the message says why, without a password.
    """
    if settings.store == "memory:":
        yield OpenedStore(MemoryStore(), last_error=lambda: None, tasks=())
        return
    # Imported late: they double the time of a start.
    from trio_chat.store.sql.opened import open_sql_store  # noqa: PLC0415
    from trio_chat.store.sql.pool import Pool  # noqa: PLC0415

    pool = Pool(
        size=settings.store_pool_size,
        overflow=settings.store_pool_overflow,
        lifetime_seconds=settings.store_pool_lifetime_seconds,
        pre_ping=settings.store_pool_pre_ping == "on",
    )
    # Only nodes on one backplane may share a store.
    exclusive = settings.backplane == "local:"

    def on_new_epoch(old: str, new: str) -> None:
        metrics.store_epoch_changes.count += 1
        _logger.error("store history replaced", old=old, new=new)

    opened = open_sql_store(
        settings.store,
        exclusive=exclusive,
        sync=settings.store_sync,
        pool=pool,
        on_new_epoch=on_new_epoch,
    )
    async with opened as sql:
        # A full store is still readable: only a write proves that it works.
        guarded = GuardedStore(sql, metrics, probe=sql.probe, readers=pool.size + pool.overflow)
        check = partial(guarded.call, sql.check)

        async def prune() -> None:
            await sql.prune()
            await sql.prune_quiet_rooms(time.time_ns() // 1_000_000)

        tasks = (
            guarded.run,
            sql.limit_calls,
            partial(prune_periodically, prune),
            partial(check_periodically, check, sql.suspicion),
            partial(save_mark_periodically, sql.save_mark),
            partial(measure_periodically, sql.measure, metrics),
        )
        # No guard around leases: a failed lease must not stop writes.
        yield OpenedStore(guarded, lambda: guarded.last_error, tasks, check, sql)


async def save_mark_periodically(save: Callable[[], Awaitable[None]]) -> None:
    """Write the high-water mark when it has changed; run until cancelled."""
    while True:
        await trio.sleep(MARK_SECONDS)
        await save()


async def measure_periodically(measure: Callable[[], Awaitable["Size"]], metrics: Metrics) -> None:
    """Update the metrics of the store's size; run until cancelled.

    Args:
        measure: Measures the store; may raise `Outage`, which the guard reports.
        metrics: Receives the sizes.
    """
    while True:
        with suppress(Outage):
            size = await measure()
            metrics.store_bytes.set(size.bytes)
            metrics.store_wal_bytes.set(size.wal_bytes)
        await trio.sleep(MEASURE_SECONDS)


async def prune_periodically(prune: Callable[[], Awaitable[None]]) -> None:
    """Delete expired data; run until cancelled.

    The guard is not involved: a day of data may take longer than its time limit.

    Args:
        prune: Deletes expired data; may raise `Outage`.
    """
    await trio.sleep(FIRST_PRUNE_SECONDS)
    while True:
        try:
            await prune()
        except Outage as outage:
            _logger.warning("store not pruned, will retry", reason=str(outage))
        await trio.sleep(PRUNE_SECONDS)


async def check_periodically(
    check: Callable[[], Awaitable[None]], suspicion: Callable[[], Awaitable[None]]
) -> None:
    """Check the store every `CHECK_SECONDS`; run until cancelled.

    Args:
        check: Checks the store under its guard, which reports an `Outage`.
        suspicion: Returns when the store must be checked at once.
    """
    while True:
        with trio.move_on_after(CHECK_SECONDS):
            await suspicion()
        with suppress(Outage):
            await check()

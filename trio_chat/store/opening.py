"""Opens the store that the settings name, and keeps it: a part of the composition root."""

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
"""How often what has expired is deleted. It expires after a day, so an hour more is not much."""

FIRST_PRUNE_SECONDS: Final = 10.0
"""After the start, when those who come back have been served; for a server that is started anew
every day, too."""

CHECK_SECONDS: Final = 10.0
"""Time between two checks of an idle store.

The operator soon sees that its file is gone, and a page shows a replaced history no longer."""

MARK_SECONDS: Final = 1.0
"""How often the high-water mark is written, at the most. An older copy that lacks less than this
much of the end goes unnoticed at the start."""

MEASURE_SECONDS: Final = 30.0
"""How often the size of the store is measured. A graph shows a day; a disk fills in hours."""


@frozen
class OpenedStore:
    """A log that is open, and what keeps it well.

    Attributes:
        store: The log.
        trouble: Says why it is out of reach, for people; None while it is well.
        tasks: To be run as long as it is used; they end by cancellation.
        check: Finds out whether the store still holds the same history; may raise `Outage`.
        registry: Where nodes that share the store register; None if nobody can share it.
    """

    store: Store
    last_error: Callable[[], str | None]
    tasks: Sequence[Callable[[], Awaitable[None]]]
    check: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint
    registry: NodeRegistry | None = None


@asynccontextmanager
async def open_store(settings: Settings, metrics: Metrics) -> AsyncIterator[OpenedStore]:
    """Have a store for as long as the block lasts.

    Raises:
        StartError: It cannot be opened; the message says why, and has no password in it.
    """
    if settings.store == "memory:":
        yield OpenedStore(MemoryStore(), last_error=lambda: None, tasks=())
        return
    # They double the time of the start: that is for who needs them.
    from trio_chat.store.sql.opened import open_sql_store  # noqa: PLC0415
    from trio_chat.store.sql.pool import Pool  # noqa: PLC0415

    pool = Pool(
        size=settings.store_pool_size,
        overflow=settings.store_pool_overflow,
        lifetime_seconds=settings.store_pool_lifetime_seconds,
        pre_ping=settings.store_pool_pre_ping == "on",
    )
    # Nodes that tell each other what they log may have one store together.
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
        # The log may be readable and yet full: only a write shows that it can be used.
        guarded = GuardedStore(sql, metrics, probe=sql.probe, readers=pool.size + pool.overflow)
        check = partial(guarded.call, sql.check)

        async def prune() -> None:
            await sql.prune()
            await sql.prune_quiet_rooms(time.time_ns() // 1_000_000)

        tasks = (
            guarded.run,
            sql.limit_calls,
            partial(prune_now_and_then, prune),
            partial(check_periodically, check, sql.suspicion),
            partial(save_mark_now_and_then, sql.save_mark),
            partial(measure_periodically, sql.measure, metrics),
        )
        # A lease is not guarded: whatever becomes of it must not stop anybody from writing.
        yield OpenedStore(guarded, lambda: guarded.last_error, tasks, check, sql)


async def save_mark_now_and_then(save: Callable[[], Awaitable[None]]) -> None:
    """Write the high-water mark, until cancelled, if it is another one."""
    while True:
        await trio.sleep(MARK_SECONDS)
        await save()


async def measure_periodically(measure: Callable[[], Awaitable["Size"]], metrics: Metrics) -> None:
    """Keep the metrics of the store's size up to date, until cancelled.

    Args:
        measure: Measures it; may raise `Outage`, which others report.
        metrics: Where the sizes go.
    """
    while True:
        with suppress(Outage):
            size = await measure()
            metrics.store_bytes.set(size.bytes)
            metrics.store_wal_bytes.set(size.wal_bytes)
        await trio.sleep(MEASURE_SECONDS)


async def prune_now_and_then(prune: Callable[[], Awaitable[None]]) -> None:
    """Delete what has expired, until cancelled.

    It does not go through the guard: a day's worth may take longer than a call may.

    Args:
        prune: Does it; may raise `Outage`.
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
    """Check the store every `CHECK_SECONDS`, until cancelled.

    Args:
        check: Checks the store under its guard, which reports an `Outage`.
        suspicion: Returns when there is a reason to check at once.
    """
    while True:
        with trio.move_on_after(CHECK_SECONDS):
            await suspicion()
        with suppress(Outage):
            await check()

"""Watches how late the event loop is."""

import time
from collections.abc import Callable
from typing import Final

import structlog
import trio

from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 0.5
"""Two samples a second are no load, and find most pauses that people notice."""

STILL_SECONDS: Final = 2.0
"""A pause that everybody has noticed deserves a line."""


async def watch_lag(metrics: Metrics, monotonic: Callable[[], float] = time.perf_counter) -> None:
    """Sleep again and again, and observe how much longer it took, until cancelled.

    Args:
        metrics: The lag goes here.
        monotonic: Gives the seconds that pass, also those in which the process was stopped.
    """
    while True:
        began = monotonic()
        await trio.sleep(INTERVAL_SECONDS)
        lag = max(0.0, monotonic() - began - INTERVAL_SECONDS)
        metrics.loop_lag_seconds.observe(lag)
        if lag >= STILL_SECONDS:
            _logger.warning("event loop stalled", seconds=round(lag, 3))

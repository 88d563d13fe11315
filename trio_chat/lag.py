"""Measures the delay of the event loop."""

import time
from collections.abc import Callable
from typing import Final

import structlog
import trio

from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 0.5
"""Two samples a second cost nothing and detect most pauses that people notice."""

STILL_SECONDS: Final = 2.0
"""Everybody notices a pause of this length, so it deserves a log line."""


async def watch_lag(metrics: Metrics, monotonic: Callable[[], float] = time.perf_counter) -> None:
    """Measure repeatedly how much longer a sleep took than planned, until cancelled.

    Args:
        metrics: Receives the lag.
        monotonic: Returns elapsed seconds, including those in which the process was stopped.
    """
    while True:
        began = monotonic()
        await trio.sleep(INTERVAL_SECONDS)
        lag = max(0.0, monotonic() - began - INTERVAL_SECONDS)
        metrics.loop_lag_seconds.observe(lag)
        if lag >= STILL_SECONDS:
            _logger.warning("event loop stalled", seconds=round(lag, 3))

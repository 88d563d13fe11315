"""The shutdown of the server: signals, phases, and a deadline.

1. On the first SIGINT or SIGTERM the server admits no more clients: ``/readyz`` and upgrades answer
   503. The listener stays open, so load balancers can read that answer.
2. The hub stores and delivers the requests in its inbox.
3. The server sends each client its queue and closes the connection: plain ones at once with 1001,
   those of version 2 one after another with 1012.
4. The node notifies the other nodes, even after the grace period: users may reconnect to them.
5. Then, or on a second signal, the root nursery is cancelled.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import structlog
import trio

_logger = structlog.get_logger(__name__)

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def drain_on_signal(
    signals: AsyncIterator[int], drain: Callable[[], Awaitable[None]], grace_seconds: float
) -> int:
    """Wait for a signal, drain, and return the exit status.

    Args:
        signals: The numbers of the signals, as `trio.open_signal_receiver` gives them.
        drain: Closes all connections, and returns when none is left.
        grace_seconds: The time limit of `drain`.

    Returns:
        0 after draining, even if the grace period was too short; 128 plus the signal number, as
        shells have it, if a second signal interrupted the drain.
    """
    first = await anext(signals)
    _logger.info("shutting down", signal=signal.Signals(first).name, grace_seconds=grace_seconds)
    status = 0

    async def end_on_second_signal() -> None:
        nonlocal status
        status = 128 + await anext(signals)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_on_second_signal)
        with trio.move_on_after(grace_seconds) as grace:
            await drain()
        nursery.cancel_scope.cancel()
    if grace.cancelled_caught:
        _logger.warning("grace period ended before all clients left")
    return status

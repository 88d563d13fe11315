"""How the server ends: signals, phases, and a deadline.

1. On the first SIGINT or SIGTERM nobody is let in any more: ``/readyz`` and upgrades get 503, while
   the listener stays open so that load balancers can see it.
2. What is in the hub's inbox is logged and sent.
3. Every client is closed, behind what is still in its queue: plain ones at once with 1001, those of
   version 2 one after another with 1012.
4. Other nodes are told goodbye, also when the grace is over: the users may come to them.
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
    """Wait for a signal, then drain.

    Args:
        signals: The numbers of the signals, as `trio.open_signal_receiver` gives them.
        drain: Sends everybody away, and returns when all are gone.
        grace_seconds: The most time it is given.

    Returns:
        The exit status: 0 after draining, also if the grace was too short for somebody; 128 and the
        number of the signal, as shells have it, if a second one cut it short.
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

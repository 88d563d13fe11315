"""A time limit and a circuit breaker for one kind of calls of a store.

The breaker is *closed* while calls succeed. The first call that fails or exceeds the time limit
opens it. An open breaker refuses every call at once, and makes one probe at a time. The first
probe that succeeds closes it. So an outage costs the callers some seconds once, not each time, and
waiting clients do not overrun a store that has just returned.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, TypeVarTuple

import structlog
import trio

from trio_chat.errors import DamagedData, HistoryReplaced, Outage
from trio_chat.metrics import Metrics

_logger = structlog.get_logger(__name__)

LIMIT_SECONDS: Final = 5.0
"""Maximum time of a call. A commit takes milliseconds, and a busy disk a second or two; people
start to wonder about a sent message after five."""

TOO_SLOW: Final = f"it did not answer within {LIMIT_SECONDS:g} s"

FIRST_PAUSE_SECONDS: Final = 0.25
"""Pause before the first probe: most outages are a lock or a reconnect, and end by then."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Maximum pause between two probes, and so the maximum delay after a database starts."""

STEADY_SECONDS: Final = 10.0
"""An outage sooner than this after the last one continues its pauses. Otherwise a store that fails
on use (a disk with room for the probe alone) would be probed and reported four times a second."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Breaker:
    """Refuses calls during an outage.

    `run` must run during the whole use: nothing else closes the breaker.

    Args:
        metrics: Counts outages and failures.
        probe: Makes an invisible call of this kind; raises `Outage` if it fails.
        uniform: `random.uniform`, so that servers that lost one database together return to it at
            different moments.
        fails: The kind of calls, for the log lines.
        on_open: Called with the reason when a call opens the breaker.
    """

    def __init__(
        self,
        metrics: Metrics,
        probe: Callable[[], Awaitable[object]],
        *,
        uniform: Callable[[float, float], float] = random.uniform,
        fails: str,
        on_open: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._metrics = metrics
        self._probe = probe
        self._uniform = uniform
        self._fails = fails
        self._on_open = on_open
        self._last_error: str | None = None
        self._opened = trio.Event()
        self._is_silent = False
        """Another breaker reports the outage."""
        self._changed_at = -STEADY_SECONDS
        """When the breaker last opened or closed."""
        self._pause = FIRST_PAUSE_SECONDS
        self._life = 0
        """The number of outages that have ended."""

    @property
    def last_error(self) -> str | None:
        """Why the breaker refuses calls, in a few words for people; None while it is closed."""
        return self._last_error

    async def run(self) -> None:
        """Probe while the breaker is open, and close it; run until cancelled."""
        while True:
            await self._opened.wait()
            while not await self._is_available():
                self._wait_longer()
            self._close()

    async def check(self) -> None:
        """Raise `Outage` while the breaker is open."""
        if self._last_error is not None:
            await trio.lowlevel.checkpoint()
            raise Outage(self._last_error)

    async def call(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Make a call under the breaker. Wrap a call without a time limit in `in_time`.

        Raises:
            HistoryReplaced: From the store; that is no failure.
            Outage: The call failed, or the breaker is open and the store received no call.
        """
        if self._last_error is not None:
            await self.check()
        life = self._life
        try:
            return await function(*arguments)
        except HistoryReplaced:
            raise  # the store works
        except DamagedData:
            # The store itself works. An open breaker would stop every other caller.
            self._metrics.store_failures.count += 1
            raise
        except Outage as outage:
            self._metrics.store_failures.count += 1
            # A call from before the last outage says nothing about the present.
            if life == self._life and self._last_error is None:
                self._open(str(outage))
                self._report(str(outage))
            raise

    def suspect(self, reason: str) -> None:
        """Open the breaker without a report after a failed call of another kind."""
        if self._last_error is None:
            self._is_silent = True
            self._open(reason)

    def _open(self, reason: str) -> None:
        now = trio.current_time()
        if now - self._changed_at >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            self._wait_longer()
        self._last_error = reason
        self._changed_at = now
        self._opened.set()

    def _report(self, reason: str) -> None:
        self._metrics.store_outages.count += 1
        _logger.error("store unreachable", reason=reason, fails=self._fails)
        self._on_open(reason)

    def _wait_longer(self) -> None:
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    async def _is_available(self) -> bool:
        await trio.sleep(self._uniform(self._pause / 2, self._pause))
        try:
            await in_time(self._probe)
        except HistoryReplaced:
            return True
        except Outage as outage:
            self._last_error = str(outage)
            return False
        return True

    def _close(self) -> None:
        now = trio.current_time()
        if not self._is_silent:
            seconds = round(now - self._changed_at, 3)
            _logger.info("store reachable again", seconds=seconds, fails=self._fails)
        self._is_silent = False
        self._last_error = None
        self._changed_at = now
        self._life += 1
        self._opened = trio.Event()


async def in_time(
    function: Callable[[*_Arguments], Awaitable[_Result]], *arguments: *_Arguments
) -> _Result:
    """Make a call that heeds a cancellation, within `LIMIT_SECONDS`.

    Raises:
        Outage: The call exceeded the limit.
    """
    with trio.move_on_after(LIMIT_SECONDS):
        return await function(*arguments)
    raise Outage(TOO_SLOW)

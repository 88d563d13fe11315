"""A time limit and a circuit breaker for one kind of calls of a store.

The breaker is *closed* while the calls go well. The first call that fails, or does not end in time,
opens it: from then on every call is refused at once, while one probe at a time tries whether such a
call can be made again. The first probe that succeeds closes it. So an outage costs the callers some
seconds once, not each time, and the clients that wait do not overrun a store that comes back.
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
"""Longest that a call may take. A commit takes milliseconds, and a busy disk a second or two; a
person who has sent a message wonders after five."""

TOO_SLOW: Final = f"it did not answer within {LIMIT_SECONDS:g} s"

FIRST_PAUSE_SECONDS: Final = 0.25
"""Before the first probe: most outages are a lock or a reconnect, and over by then."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two probes: the delay after a database has started is no longer than this."""

STEADY_SECONDS: Final = 10.0
"""An outage that comes sooner than this after the last one goes on with its pauses: a store that
fails as soon as it is used (a disk that has room for the probe, and for nothing else) is not tried
and reported four times a second."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Breaker:
    """Refuses calls while they would fail.

    `run` must run as long as it is used: nothing else closes the breaker.

    Args:
        metrics: Outages and failures are counted here.
        probe: Makes a call of this kind that nobody notices; raises `Outage` if it fails.
        uniform: `random.uniform`; so that servers that lost one database together don't come back
            to it together.
        fails: What fails, for the log lines.
        on_open: Called with the reason when a call has opened the breaker.
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
        self._trouble: str | None = None
        self._opened = trio.Event()
        self._is_silent = False
        """Whether another breaker reports the outage."""
        self._changed_at = -STEADY_SECONDS
        """When the breaker was last opened or closed."""
        self._pause = FIRST_PAUSE_SECONDS
        self._life = 0
        """How often the calls have gone well again."""

    @property
    def last_error(self) -> str | None:
        """Why calls are refused, in a few words for people; None while they go well."""
        return self._trouble

    async def run(self) -> None:
        """Probe while the breaker is open, and close it, until cancelled."""
        while True:
            await self._opened.wait()
            while not await self._has_come_back():
                self._wait_longer()
            self._close()

    async def check(self) -> None:
        """Raise `Outage` while the breaker is open."""
        if self._trouble is not None:
            await trio.lowlevel.checkpoint()
            raise Outage(self._trouble)

    async def call(
        self,
        function: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Make a call under the breaker; one that may not end by itself, with `in_time`.

        Raises:
            HistoryReplaced: The log says so; that is no failure.
            Outage: It failed, or the breaker is open. Then the store has not been asked.
        """
        if self._trouble is not None:
            await self.check()
        life = self._life
        try:
            return await function(*arguments)
        except HistoryReplaced:
            raise  # the store is well
        except DamagedData:
            # The log itself is well. An open breaker would stop everybody else.
            self._metrics.store_failures.count += 1
            raise
        except Outage as outage:
            self._metrics.store_failures.count += 1
            # What began before the store came back says nothing about how it is now.
            if life == self._life and self._trouble is None:
                self._open(str(outage))
                self._report(str(outage))
            raise

    def suspect(self, reason: str) -> None:
        """Open it without a report, as calls of another kind have failed: probe first."""
        if self._trouble is None:
            self._is_silent = True
            self._open(reason)

    def _open(self, reason: str) -> None:
        now = trio.current_time()
        if now - self._changed_at >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            self._wait_longer()
        self._trouble = reason
        self._changed_at = now
        self._opened.set()

    def _report(self, reason: str) -> None:
        self._metrics.store_outages.count += 1
        _logger.error("store unreachable", reason=reason, fails=self._fails)
        self._on_open(reason)

    def _wait_longer(self) -> None:
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    async def _has_come_back(self) -> bool:
        await trio.sleep(self._uniform(self._pause / 2, self._pause))
        try:
            await in_time(self._probe)
        except HistoryReplaced:
            return True
        except Outage as outage:
            self._trouble = str(outage)
            return False
        return True

    def _close(self) -> None:
        now = trio.current_time()
        if not self._is_silent:
            seconds = round(now - self._changed_at, 3)
            _logger.info("store reachable again", seconds=seconds, fails=self._fails)
        self._is_silent = False
        self._trouble = None
        self._changed_at = now
        self._life += 1
        self._opened = trio.Event()


async def in_time(
    function: Callable[[*_Arguments], Awaitable[_Result]], *arguments: *_Arguments
) -> _Result:
    """Make a call that heeds a cancellation.

    Raises:
        Outage: It did not end within `LIMIT_SECONDS`.
    """
    with trio.move_on_after(LIMIT_SECONDS):
        return await function(*arguments)
    raise Outage(TOO_SLOW)

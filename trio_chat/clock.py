"""The clock of the event loop, which pauses while the process is stopped; and the wall clock.

When a stopped process resumes (SIGSTOP, a frozen container, a machine without a free core), all
its deadlines have expired: pongs, first frames, writes, leases. The clients are not at fault and
may have answered long ago. So between two readings this clock advances at most by the planned
sleep of the loop plus some slack. This one mechanism covers every Trio deadline.
"""

import itertools
import math
import operator
import time
from collections.abc import Callable
from typing import Final

import trio

SLACK_SECONDS: Final = 0.5
"""The longest delay of the loop that still counts; even long turns are far shorter."""


class RunningClock(trio.abc.Clock):
    """Counts the seconds in which the process ran or slept as planned.

    Args:
        monotonic: Returns elapsed seconds, with any origin.
    """

    def __init__(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        self._skipped = 0.0
        # The latest plausible time of the next reading; the process did not run after it.
        self._latest = math.inf

    def start_clock(self) -> None:
        """Do nothing; part of Trio's interface."""

    def current_time(self) -> float:
        """Return the time."""
        now = self._monotonic()
        if now > self._latest:
            self._skipped += now - self._latest
        self._latest = now + SLACK_SECONDS
        return now - self._skipped

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the seconds until the deadline: the loop sleeps at most that long next."""
        now = self._monotonic()
        if now > self._latest:
            self._skipped += now - self._latest
        seconds = deadline - now + self._skipped
        self._latest = now + SLACK_SECONDS + max(0.0, seconds)
        return seconds


wall_ms: Callable[[], int] = map(
    operator.floordiv, iter(time.time_ns, None), itertools.repeat(1_000_000)
).__next__
"""Return the wall clock in milliseconds since 1970 UTC.

Each message calls it, so it enters no Python function: an endless iterator divides the nanoseconds.
"""

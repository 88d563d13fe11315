"""The clock of the event loop: it stands still while the process does.

A process that was stopped (SIGSTOP, a frozen container, a machine without a free core) finds all
its deadlines expired when it goes on: pongs, first frames, writes, leases. None of them is the
fault of a client, which may have answered long ago. So between two readings this clock advances
by at most the time that the loop meant to sleep, and some slack. One mechanism serves every
deadline of Trio.
"""

import math
import time
from collections.abc import Callable
from typing import Final

import trio

SLACK_SECONDS: Final = 0.5
"""How late the loop may be before its delay no longer counts: long turns are far shorter."""


class RunningClock(trio.abc.Clock):
    """Counts the seconds in which the process ran, or slept since it had nothing to do.

    Args:
        monotonic: Gives the seconds that pass, with any origin.
    """

    def __init__(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        self._left_out = 0.0
        # The latest moment that the next look may find; later is time in which nothing ran.
        self._latest = math.inf

    def start_clock(self) -> None:
        """Begin; part of Trio's interface."""

    def current_time(self) -> float:
        """Give the time."""
        now = self._monotonic()
        if now > self._latest:
            self._left_out += now - self._latest
        self._latest = now + SLACK_SECONDS
        return now - self._left_out

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Give the seconds until the deadline: the loop is about to sleep that long, or less."""
        now = self._monotonic()
        if now > self._latest:
            self._left_out += now - self._latest
        seconds = deadline - now + self._left_out
        self._latest = now + SLACK_SECONDS + max(0.0, seconds)
        return seconds

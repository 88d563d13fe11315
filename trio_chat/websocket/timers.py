"""One clock for the health of all connections.

A deadline of Trio's own is dear when it comes: the task is cancelled out of its wait, and an
exception goes up through all that the task is in. With 10,000 idle clients that is half of what the
server does. So who has something to do in time is called, sync, when it is due, and what is due in
one quarter of a second is done in one go.
"""

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Final

import outcome
import trio

QUARTER_SECONDS: Final = 0.25
"""Nobody misses a quarter of a second where a ping or a deadline is due, and one turn of the loop
serves everybody in it."""

_AT_ONCE: Final = 64
"""Calls in one go: two milliseconds or so, then everybody else has a turn."""

Beat = Callable[[float], float]
"""Is given the time, does what is due, and returns the time at which it is to be called next."""


class _Patient:
    __slots__ = ("beat", "failure", "over", "quarter")

    def __init__(self, beat: Beat, over: trio.Event) -> None:
        self.beat = beat
        self.over = over
        self.quarter = math.inf
        self.failure: outcome.Error | None = None


class TimerWheel:
    """Calls whoever is due."""

    def __init__(self) -> None:
        # Who is due in a quarter, by its end; and these ends as a heap.
        self._due: dict[float, dict[_Patient, None]] = {}
        self._quarters: list[float] = []
        self._attending: dict[trio.Event, _Patient] = {}
        self._sooner = trio.Event()

    async def run(self) -> None:
        """Call until cancelled. Nobody is called meanwhile who is not waiting in `run_until`."""
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._quarters[0] if self._quarters else math.inf):
                await self._sooner.wait()
            await self._call_due()

    async def run_until(self, beat: Beat, over: trio.Event) -> None:
        """Have ``beat`` called, at once and whenever it is due, until ``over`` is set.

        It is called up to a quarter of a second late. A cancellation ends that as ``over`` does.

        Raises:
            BaseException: What ``beat`` raised; ``over`` is set then.
        """
        patient = self._attending[over] = _Patient(beat, over)
        self._place(patient, beat(trio.current_time()))
        try:
            await over.wait()
        finally:
            self._due.get(patient.quarter, {}).pop(patient, None)
            del self._attending[over]
        if patient.failure is not None:
            patient.failure.unwrap()

    def reschedule(self, over: trio.Event) -> None:
        """Have who attends until ``over`` called now: it would be too late when it asked for."""
        patient = self._attending.get(over)
        if patient is not None:
            self._due.get(patient.quarter, {}).pop(patient, None)
            self._place(patient, trio.current_time())

    def _place(self, patient: _Patient, due: float) -> None:
        quarter = due + -due % QUARTER_SECONDS
        patient.quarter = quarter
        if quarter in self._due:
            self._due[quarter][patient] = None
            return
        if not self._quarters or quarter < self._quarters[0]:
            self._sooner.set()
        self._due[quarter] = {patient: None}
        heappush(self._quarters, quarter)

    async def _call_due(self) -> None:
        now = trio.current_time()
        while self._quarters and self._quarters[0] <= now:
            patients = self._due[self._quarters[0]]
            while patients:
                for patient in list(islice(patients, _AT_ONCE)):
                    del patients[patient]
                    if not patient.over.is_set():  # one call may be the end of another
                        self._call(patient, now)
                await trio.lowlevel.checkpoint()
            del self._due[heappop(self._quarters)]

    def _call(self, patient: _Patient, now: float) -> None:
        due: outcome.Outcome[Any] = outcome.capture(patient.beat, now)
        if isinstance(due, outcome.Error):
            patient.failure = due
            patient.over.set()
        else:
            self._place(patient, due.unwrap())

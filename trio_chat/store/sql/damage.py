"""Reports damaged data in the log lines, so that an operator finds it and restores a backup."""

import threading
import time
from collections import OrderedDict
from typing import Final, Protocol

import structlog

_logger = structlog.get_logger(__name__)

PERIOD_SECONDS: Final = 60.0
MOST_LINES: Final = 10
"""Maximum lines in a period: a whole page of the file may be damaged, and clients read it often.
A later read reports the other places."""

AGAIN_SECONDS: Final = 3600.0
"""Minimum time between two lines about one place."""

_MOST_PLACES: Final = 10_000
"""Maximum places in memory: some megabytes."""

_Place = tuple[str, str | None, int | None]


class Report(Protocol):
    """Reports one damaged place; see `DamageReporter.report`."""

    def __call__(self, reason: str, room: str | None = None, seq: int | None = None) -> None:
        """Report a damaged place."""


class DamageReporter:
    """Writes a line for each damaged place, within limits. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reported: OrderedDict[_Place, float] = OrderedDict()
        self._began = float("-inf")
        self._lines = 0

    def report(self, reason: str, room: str | None = None, seq: int | None = None) -> None:
        """Write a log line, unless one about this place, or too many others, came before.

        Args:
            reason: A description without the text of a message.
            room: The room; None if unknown.
            seq: The event; None if unknown.
        """
        if self._may(reason, room, seq):
            _logger.error("store data damaged", reason=reason, room=room, seq=seq)

    def _may(self, *place: *_Place) -> bool:
        now = time.monotonic()
        with self._lock:
            if now < self._reported.get(place, float("-inf")) + AGAIN_SECONDS:
                return False
            if now >= self._began + PERIOD_SECONDS:
                self._began, self._lines = now, 0
            if self._lines == MOST_LINES:
                return False
            self._lines += 1
            self._reported[place] = now
            self._reported.move_to_end(place)
            if len(self._reported) > _MOST_PLACES:
                self._reported.popitem(last=False)
            return True

"""Reports damaged data in the log lines, so that an operator restores a backup."""

import time
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

_REPORT_SECONDS: Final = 60.0
"""Between two lines: a client may ask for the same damaged page all the time."""


class DamageReporter:
    """Writes a line about damaged data, at most one a minute. Threads may share it."""

    def __init__(self) -> None:
        self._next = 0.0

    def report(self, reason: str) -> None:
        """Write the line, unless one was written within the last minute.

        Args:
            reason: What is damaged; no text of a message.
        """
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_SECONDS
            _log.error("store data damaged", reason=reason)

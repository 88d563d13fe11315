"""Waiting for a fact instead of for a time."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0
"""How long a test waits for a fact. A busy machine needs far less."""

POLL_SECONDS = 0.02


def eventually(fact: Callable[[], bool], what: str, timeout: float = PATIENCE_SECONDS) -> None:
    """Return as soon as ``fact()`` is true, and fail with its words if it is not in time."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(POLL_SECONDS)


def remaining(deadline: float) -> float:
    """Return the seconds left until ``deadline`` (of `time.monotonic`), more than 0.

    Raises:
        TimeoutError: The deadline has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left

"""The clock of a test moves only when the test moves it."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction

import pytest
import trio
import trio.testing


def _run(
    main: Callable[[], Awaitable[object]],
    *,
    clock: trio.abc.Clock | None,
    instruments: Sequence[trio.abc.Instrument],
) -> object:
    return trio.run(main, clock=clock or trio.testing.MockClock(), instruments=instruments)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run the asynchronous tests of a folder with such a clock.

    pytest-trio itself uses the clock of a test only if its own signature has it as a parameter.
    """
    if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
        item.add_marker(pytest.mark.trio(run=_run))


def clock() -> trio.testing.MockClock:
    """Return the clock of this test."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    return clock


def jump(seconds: float) -> None:
    """Let time pass."""
    clock().jump(seconds)

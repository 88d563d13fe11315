"""The clock of a test moves only when the test moves it."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

import pytest
import trio
import trio.testing


def _run(
    main: Callable[[], Awaitable[object]],
    *,
    clock: trio.abc.Clock | None,
    **options: Any,  # noqa: ANN401 - those of trio.run
) -> object:
    return trio.run(main, clock=clock or trio.testing.MockClock(), **options)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run the asynchronous tests of a folder with such a clock.

    pytest-trio itself uses the clock of a test only if its own signature has it as a parameter.
    """
    if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
        item.add_marker(pytest.mark.trio(run=_run))


def clock() -> trio.testing.MockClock:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    return clock


def jump(seconds: float) -> None:
    clock().jump(seconds)

"""The clock of a test may come from its fixtures."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

import pytest
import trio
from trio.testing import MockClock


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let time jump where a fixture needs that: pytest-trio heeds only the test's own signature."""
    if isinstance(item, pytest.Function) and "one" in item.fixturenames:
        assert iscoroutinefunction(item.obj)
        item.add_marker(pytest.mark.trio(run=_run))


def _run(main: Callable[[], Awaitable[object]], **options: Any) -> object:  # noqa: ANN401
    return trio.run(main, **{**options, "clock": MockClock(autojump_threshold=0)})

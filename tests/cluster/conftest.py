"""Hubs of several nodes, by a clock that stands still unless a test moves it."""

import pytest
import trio

from tests.cluster.nodes import Pair
from tests.support.clocks import pytest_itemcollected  # noqa: F401


@pytest.fixture
async def pair(nursery: trio.Nursery) -> Pair:
    pair = Pair()
    await pair.start(nursery)
    return pair

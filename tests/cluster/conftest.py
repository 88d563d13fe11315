"""Hubs of several nodes, by a clock that stands still unless a test moves it."""

import pytest
import trio

from tests.cluster.nodes import Cluster, Pair
from tests.cluster.observer import Observer
from tests.support.clocks import pytest_itemcollected  # noqa: F401


@pytest.fixture
async def pair(nursery: trio.Nursery) -> Pair:
    pair = Pair()
    await pair.start(nursery)
    return pair


@pytest.fixture
async def cluster(nursery: trio.Nursery) -> Cluster:
    """Two nodes that have met."""
    cluster = Cluster(nursery)
    await cluster.meet()
    return cluster


@pytest.fixture
async def three(nursery: trio.Nursery) -> Cluster:
    cluster = Cluster(nursery, 3)
    await cluster.meet()
    return cluster


@pytest.fixture
def one() -> Observer:
    return Observer()

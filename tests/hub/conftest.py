"""Hubs that run until the test ends, by a clock that stands still unless a test moves it."""

import pytest
import trio
import trio.testing

from tests.hub.scene import Scene, WatchedStore
from tests.support.clocks import pytest_itemcollected  # noqa: F401


@pytest.fixture
async def scene(nursery: trio.Nursery) -> Scene:
    """A hub as it is in the server, but that nobody ticks."""
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
async def crowd(nursery: trio.Nursery) -> Scene:
    """A hub for which three are a crowd."""
    scene = Scene(large_room_size=2)
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
def store() -> WatchedStore:
    """The log of `watched`."""
    return WatchedStore()


@pytest.fixture
async def watched(store: WatchedStore, nursery: trio.Nursery) -> Scene:
    """A hub whose log is watched."""
    scene = Scene(store)
    nursery.start_soon(scene.hub.run)
    return scene

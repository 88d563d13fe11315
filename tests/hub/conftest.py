"""Hubs that run until the test ends, by a clock that stands still unless a test moves it."""

import pytest
import trio
import trio.testing

from tests.hub.scene import Scene, Watched, WatchedStore
from tests.support.clocks import pytest_itemcollected  # noqa: F401


@pytest.fixture
async def scene(nursery: trio.Nursery) -> Scene:
    """A hub on a memory store, as in the server, which nothing ticks."""
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
async def large(nursery: trio.Nursery) -> Scene:
    """A hub on which a room of three users is large."""
    scene = Scene(large_room_size=2)
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
def store() -> WatchedStore:
    """The store of `watched`."""
    return WatchedStore()


@pytest.fixture
async def watched(store: WatchedStore, nursery: trio.Nursery) -> Watched:
    """A hub on the store of the module, which nothing ticks."""
    scene = Watched(store)
    nursery.start_soon(scene.hub.run)
    return scene

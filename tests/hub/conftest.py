"""Hubs that run until the test ends, by a clock that stands still unless a test moves it."""

import pytest
import trio
import trio.testing

from tests.hub.scene import Scene, WatchedLog


@pytest.fixture
async def scene(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> Scene:  # noqa: ARG001
    """A hub as it is in the server, but that nobody ticks."""
    scene = Scene()
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
async def crowd(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> Scene:  # noqa: ARG001
    """A hub for which three are a crowd."""
    scene = Scene(crowd_size=2)
    nursery.start_soon(scene.hub.run)
    return scene


@pytest.fixture
def log() -> WatchedLog:
    """The log of `watched`."""
    return WatchedLog()


@pytest.fixture
async def watched(
    log: WatchedLog,
    nursery: trio.Nursery,
    mock_clock: trio.testing.MockClock,  # noqa: ARG001
) -> Scene:
    """A hub whose log is watched."""
    scene = Scene(log)
    nursery.start_soon(scene.hub.run)
    return scene

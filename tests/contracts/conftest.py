"""The stores and backplanes that the suite runs against."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts import backplanes
from tests.contracts.backplanes import Attach
from tests.contracts.stores import Places, memory, postgres, sqlite
from trio_chat.store.base import Store


@pytest.fixture(scope="session", params=["memory", "sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Makes empty places for one kind of store; add a new kind here."""
    if request.param == "postgres":
        return postgres(request.getfixturevalue("cluster"))
    return {"memory": memory, "sqlite": sqlite}[request.param]


@pytest.fixture
async def store(places: Places) -> AsyncIterator[Store]:
    with places() as place:
        async with place.open() as opened:
            yield opened


@pytest.fixture(params=["local", "redis"])
def attach(request: pytest.FixtureRequest) -> Attach:
    """Makes connected nodes on one kind of backplane; add a new kind here."""
    if request.param == "redis":
        return backplanes.over_redis(request.getfixturevalue("redis"))
    return backplanes.local()

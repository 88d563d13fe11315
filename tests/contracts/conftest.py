"""The suite is run against each of these."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.contracts import backplanes
from tests.contracts.backplanes import Attach
from tests.contracts.stores import Open, Places, memory, postgres, sqlite
from trio_chat.store.base import Store


@pytest.fixture(scope="session", params=["memory", "sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Where a store of one sort can be; a new sort is added here."""
    if request.param == "postgres":
        return postgres(request.getfixturevalue("cluster"))
    return {"memory": memory, "sqlite": sqlite}[request.param]


@pytest.fixture(scope="session")
def open_store(places: Places) -> Open:
    """Opens a store that is empty."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        with places() as place:
            async with place.open() as store:
                yield store

    return opened


@pytest.fixture(params=["local", "redis"])
def attach(request: pytest.FixtureRequest) -> Attach:
    """Makes nodes that hear each other over one sort of backplane; a new sort is added here."""
    if request.param == "redis":
        return backplanes.over_redis(request.getfixturevalue("redis"))
    return backplanes.local()

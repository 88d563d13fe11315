"""Stores in databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.postgres import Cluster
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.store import SqlStore


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.emptied_url()
    return f"sqlite:{tmp_path}/chat.db"


@pytest.fixture
def postgres_url(cluster: Cluster) -> str:
    return cluster.emptied_url()


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    async with open_sql_store(url) as opened:
        yield opened

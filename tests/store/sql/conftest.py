"""Logs in databases."""

from pathlib import Path

import pytest

from tests.support.postgres import Cluster


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be that is in a database."""
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.emptied_url()
    return f"sqlite:{tmp_path}/chat.db"


@pytest.fixture
def postgres_url(cluster: Cluster) -> str:
    """A database of PostgreSQL that is empty."""
    return cluster.emptied_url()

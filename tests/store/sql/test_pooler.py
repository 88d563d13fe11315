"""A connection pooler in front of PostgreSQL."""

import pytest

from tests.store.sql.tables import complaint
from tests.support import pgbouncer
from tests.support.postgres import Cluster
from trio_chat.store.sql import postgres
from trio_chat.store.sql.opened import open_sql_store


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_pooler_that_drops_our_settings_is_refused_and_keeps_no_lock(
    cluster: Cluster, postgres_url: str, mode: str
) -> None:
    with pgbouncer.running(cluster, postgres_url, mode=mode) as url:
        assert "that drops the settings of a connection" in await complaint(url)
        async with open_sql_store(postgres_url):
            pass


async def test_an_error_names_a_pooler_that_refuses_our_settings(
    cluster: Cluster, postgres_url: str
) -> None:
    with pgbouncer.running(cluster, postgres_url, mode="session", ignored="") as url:
        assert "a connection pooler refuses the settings" in await complaint(url)


@pytest.mark.parametrize("round_robin", [False, True])
async def test_a_pooler_that_shares_sessions_is_refused(
    cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch, *, round_robin: bool
) -> None:
    # Newer poolers pass our settings on.
    monkeypatch.setattr(postgres, "_BOUNDS", {})
    with pgbouncer.running(
        cluster, postgres_url, mode="transaction", round_robin=round_robin
    ) as url:
        for _ in range(3):
            assert "that shares sessions" in await complaint(url)


async def test_a_pooler_that_keeps_sessions_is_accepted(
    cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_BOUNDS", {})
    monkeypatch.setattr(postgres, "_TAKE_MS", 100)
    with pgbouncer.running(cluster, postgres_url, mode="session") as url:
        async with open_sql_store(url):
            assert "another process" in await complaint(postgres_url)

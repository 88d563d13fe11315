"""Leases of nodes."""

import pytest
from sqlalchemy import func, select

from tests.store.sql.tables import connected
from trio_chat.errors import Outage
from trio_chat.store.sql.schema import nodes
from trio_chat.store.sql.store import SqlStore


def rows(url: str) -> int:
    with connected(url) as connection:
        return connection.execute(select(func.count()).select_from(nodes)).scalar_one()


async def test_renewing_returns_the_other_leases_and_their_remaining_seconds(
    store: SqlStore, url: str
) -> None:
    assert await store.renew_lease("a", 500) == {}
    assert await store.renew_lease("b", 1000) == {"a": pytest.approx(500, abs=100)}
    assert await store.renew_lease("a", 500) == {"b": pytest.approx(1000, abs=100)}
    assert rows(url) == 2


async def test_an_ended_or_expired_lease_is_deleted(store: SqlStore, url: str) -> None:
    await store.renew_lease("a", -1)
    await store.renew_lease("b", 500)
    await store.end_lease("b")
    await store.end_lease("never registered")
    assert await store.renew_lease("c", 500) == {}
    assert rows(url) == 1


async def test_an_unreachable_registry_is_an_outage(store: SqlStore, url: str) -> None:
    with connected(url) as connection:
        nodes.drop(connection)
    with pytest.raises(Outage, match="tables"):
        await store.renew_lease("a", 1)
    with pytest.raises(Outage, match="tables"):
        await store.end_lease("a")

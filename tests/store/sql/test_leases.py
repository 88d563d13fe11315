"""Nodes hold leases in the store, by the clock of the database."""

import pytest
from sqlalchemy import func, select

from tests.store.sql.tables import connected
from trio_chat.errors import Outage
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.schema import nodes


def rows(url: str) -> int:
    """How many leases are in the table."""
    with connected(url) as connection:
        return connection.execute(select(func.count()).select_from(nodes)).scalar_one()


async def test_a_node_finds_the_others_and_how_long_their_leases_last(url: str) -> None:
    async with open_sql_store(url) as store:
        assert await store.renew_lease("a", 500) == {}
        assert await store.renew_lease("b", 1000) == {"a": pytest.approx(500, abs=100)}
        assert await store.renew_lease("a", 500) == {"b": pytest.approx(1000, abs=100)}
        assert rows(url) == 2


async def test_a_lease_that_was_ended_or_has_run_out_is_gone(url: str) -> None:
    async with open_sql_store(url) as store:
        await store.renew_lease("a", -1)
        await store.renew_lease("b", 500)
        await store.end_lease("b")
        await store.end_lease("never registered")
        assert await store.renew_lease("c", 500) == {}
        assert rows(url) == 1


async def test_a_registry_that_is_out_of_reach_is_an_outage(url: str) -> None:
    async with open_sql_store(url) as store:
        with connected(url) as connection:
            nodes.drop(connection)
        with pytest.raises(Outage, match="tables"):
            await store.renew_lease("a", 1)
        with pytest.raises(Outage, match="tables"):
            await store.end_lease("a")

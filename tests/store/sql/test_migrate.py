"""The migrations of an empty database, and of one that no release has written."""

import pytest
import trio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, table, update

from tests.store.sql.tables import complaint, connected, metadata_of
from trio_chat.store.sql.migrate import VERSION_TABLE
from trio_chat.store.sql.opened import open_sql_store


async def test_the_migrations_create_the_tables_of_the_schema(url: str) -> None:
    async with open_sql_store(url):
        pass
    with connected(url) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata_of(url)) == []


async def test_three_nodes_that_start_at_once_create_the_tables_once(url: str) -> None:
    epochs: list[str] = []

    async def start() -> None:
        async with open_sql_store(url, exclusive=False) as store:
            epochs.append(store.epoch)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(start)
    assert len(epochs) == 3
    assert len(set(epochs)) == 1


@pytest.mark.parametrize("revision", ["0001", "0004"])
async def test_a_database_of_a_development_version_is_refused_with_advice(
    url: str, revision: str
) -> None:
    async with open_sql_store(url):
        pass
    with connected(url) as connection:
        version = table(VERSION_TABLE, column("version_num"))
        connection.execute(update(version).values(version_num=revision))
    assert "start with a new file or an empty database" in await complaint(url)

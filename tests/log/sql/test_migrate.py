"""The tables, as the migrations make them."""

import trio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.contracts.drafts import append, draft
from tests.log.sql.tables import connected
from trio_chat.log.sql.migrate import VERSION_TABLE
from trio_chat.log.sql.opened import open_sql_log
from trio_chat.log.sql.schema import metadata


async def test_the_migrations_make_the_tables_that_the_statements_are_about(url: str) -> None:
    async with open_sql_log(url):
        pass
    with connected(url) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


async def test_three_that_start_at_once_make_them_once(url: str) -> None:
    epochs: list[str] = []

    async def start() -> None:
        async with open_sql_log(url, exclusive=False) as log:
            epochs.append((await log.stands(["general"]))["general"].epoch)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(start)
    assert len(epochs) == 3
    assert len(set(epochs)) == 1


async def test_rooms_of_an_older_log_get_the_time_of_their_newest_event(url: str) -> None:
    async with open_sql_log(url) as log:
        await append(log, [draft("a", ts=7), draft("b", ts=9)])
    with connected(url) as connection:
        connection.exec_driver_sql("ALTER TABLE chat_rooms DROP COLUMN ts")
        connection.exec_driver_sql("ALTER TABLE chat_epochs DROP COLUMN replaced")
        connection.exec_driver_sql("UPDATE chat_version SET version_num = '0002'")
    async with open_sql_log(url) as log:
        (event,) = await append(log, [draft("c", ts=8)])
        assert event.ts == 9

"""The present code upgrades the databases of each release, and refuses those of a later one."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, column, select, table, update

from tests.contracts.drafts import ANN, append, draft, everything
from tests.store.sql.released import FOLDER, MARKS, SHOWN, VERSIONS
from tests.store.sql.tables import complaint, connected, metadata_of
from trio_chat.store.base import Repeated, Store
from trio_chat.store.sql import migrate
from trio_chat.store.sql.migrate import VERSION_TABLE
from trio_chat.store.sql.opened import open_sql_store

State = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""Columns and rows by table."""

NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{dialect}_next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("chat_topics", sa.Column("room", sa.Text, primary_key=True))
    op.execute("INSERT INTO chat_topics SELECT DISTINCT room FROM chat_events")
    op.add_column("chat_marks", sa.Column("ts", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE chat_marks SET ts = 1")
    op.execute("{last}")
"""


@pytest.fixture(params=VERSIONS)
def released(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, released: str, tmp_path: Path) -> str:
    if request.param == "postgresql":
        cluster = request.getfixturevalue("cluster")
        url: str = cluster.emptied_url()
        dump = (FOLDER / f"{released}.sql").read_text(encoding="utf-8")
        # The refs in it would have expired: they go by the clock of the database.
        fresh = "UPDATE public.chat_refs SET ts = 1000 * extract(epoch FROM now())"
        cluster.run(f"{dump}; {fresh}", url.rpartition("/")[2])
        return url
    for name in (f"{released}.db", f"{released}.db.mark"):
        shutil.copy(FOLDER / name, tmp_path)
    return f"sqlite:{tmp_path}/{released}.db"


@contextmanager
def next_version(folder: Path, last: str = "SELECT 1") -> Iterator[None]:
    """Have one more migration within the block. It ends with the given statement."""
    known = migrate._scripts

    def scripts(dialect: str) -> tuple[Config, ScriptDirectory]:
        config, present = known(dialect)
        place = folder / f"next_{dialect}"
        place.mkdir(exist_ok=True)
        head = present.get_current_head()
        text = NEXT_MIGRATION.format(dialect=dialect, head=head, last=last)
        (place / "next.py").write_text(text)
        places = f"{config.get_main_option('version_locations')}\n{place}"
        config.set_main_option("version_locations", places)
        return config, ScriptDirectory.from_config(config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "_scripts", scripts)
        yield


def state_of(url: str) -> State:
    with connected(url) as connection:
        tables = MetaData()
        tables.reflect(connection)
        return {
            table.name: (
                [f"{column.name} {column.type}" for column in table.columns],
                sorted(map(tuple, connection.execute(select(table))), key=repr),
            )
            for table in tables.sorted_tables
        }


async def shown(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {
        room: [
            (one.seq, one.kind, one.username, one.message, one.is_edited, one.is_deleted)
            for one in await everything(store, room)
        ]
        for room in SHOWN
    }


async def check_and_append(url: str) -> None:
    (_, rows) = state_of(url)["chat_epochs"]
    replaced: list[tuple[str, str]] = []
    async with open_sql_store(url, on_new_epoch=lambda *epochs: replaced.append(epochs)) as store:
        await store.check()
        assert store.epoch in rows[0]
        assert await shown(store) == SHOWN
        for room in SHOWN:
            marks = {mark.user: mark.seq for mark in MARKS if mark.room == room}
            assert await store.all_marks(room, len(MARKS)) == marks
        heads = {room: place.head for room, place in (await store.positions(SHOWN)).items()}
        assert heads == {room: len(events) for room, events in SHOWN.items()}
        retry = await store.append([draft("hello", author=ANN, ref="r1")])
        assert retry.outcomes == [Repeated("m1", 2)]
        (event,) = await append(store, [draft("one more")])
        assert event.seq == len(SHOWN["general"]) + 1
        assert (await everything(store))[-1] == event
    assert replaced == []


async def test_a_released_database_passes_another_migration(old: str, tmp_path: Path) -> None:
    with next_version(tmp_path):
        await check_and_append(old)
        upgraded = state_of(old)
        assert upgraded["chat_topics"][1] == [("dev",), ("general",)]
        assert {row[-1] for row in upgraded["chat_marks"][1]} == {1}
        # The next start runs no migration: the table would exist already.
        async with open_sql_store(old) as store:
            assert (await everything(store))[-1].message == "one more"


async def test_a_database_of_a_later_version_is_refused_unchanged(old: str, tmp_path: Path) -> None:
    with next_version(tmp_path):
        async with open_sql_store(old):
            pass
    before = state_of(old)
    assert re.search(r"was written by a newer trio_chat .*_next, .*knows", await complaint(old))
    assert state_of(old) == before


async def test_a_database_is_unchanged_after_a_failed_migration_and_passes_the_present_ones(
    old: str, tmp_path: Path
) -> None:
    before = state_of(old)
    with next_version(tmp_path, last="INSERT INTO chat_nothing VALUES (1)"):
        assert "cannot open the" in await complaint(old)
    assert state_of(old) == before
    await check_and_append(old)


def test_the_kept_files_are_small() -> None:
    assert VERSIONS
    for version in VERSIONS:
        for suffix in ("db", "db.mark", "sql"):
            assert (FOLDER / f"{version}.{suffix}").stat().st_size < 100 * 1024


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

"""Removal and replacement of the file of an open SQLite store."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.drafts import append, draft, everything
from trio_chat.errors import Outage
from trio_chat.store.sql import sqlite
from trio_chat.store.sql import store as store_module
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.store import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the store."""
    return tmp_path / "chat.db"


@pytest.fixture(autouse=True)
def _checked_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the file before each commit: the tests move it right after one."""
    monkeypatch.setattr(store_module, "CHECK_HOLDS_SECONDS", -1.0)


def moved(path: Path) -> Path:
    """Rename the file; returns the new path."""
    return path.rename(path.with_name("moved.db"))


async def assert_refuses_everything(store: SqlStore, why: str) -> None:
    for call in (
        store.append([draft("lost")]),
        store.positions(["general"]),
        store.read_before("general", 9, 9),
        store.check(),
        store.probe(),
    ):
        with pytest.raises(Outage, match=why):
            await call


async def test_a_removed_file_fails_reads_and_writes(path: Path) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        moved(path)
        await assert_refuses_everything(store, "its file was removed")
    assert path not in path.parent.iterdir()


async def test_a_replaced_file_fails_reads_and_writes_and_stays_intact(path: Path) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
    shutil.copy(path, path.with_name("copy.db"))
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft(f"{number}" * 500) for number in range(50)])
        path.with_name("copy.db").replace(path)
        await assert_refuses_everything(
            store, "its file was replaced by another; restart the server"
        )
    async with open_sql_store(f"sqlite:{path}") as store:
        assert [event.message for event in await everything(store)] == ["a"]


async def test_a_check_empties_the_write_ahead_log_of_a_moved_file(
    path: Path,
) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        moved(path)
        with pytest.raises(Outage):
            await store.check()
        assert path.with_name("chat.db-wal").stat().st_size == 0
    async with open_sql_store(f"sqlite:{path.with_name('moved.db')}") as store:
        assert [event.message for event in await everything(store)] == ["a"]


async def test_a_stop_empties_the_write_ahead_log_of_a_moved_file(path: Path) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        moved(path)
    assert path.with_name("chat.db-wal").stat().st_size == 0


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def replace_by_copy(path: Path) -> None:
    copy = shutil.copy(path, path.with_name("copy"))
    Path(copy).replace(path)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("lose", [Path.unlink, replace_by_copy])
async def test_a_lost_wal_or_shm_file_stops_commits_and_loses_none(
    path: Path, lose: Callable[[Path], None], suffix: str
) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        lose(beside(path, suffix))
        await assert_refuses_everything(
            store, f"its {suffix} file was removed or replaced; restart"
        )
        # The state after a `kill -9`.
        killed = shutil.copy(path, path.with_name("killed.db"))
    for left in (killed, path):
        async with open_sql_store(f"sqlite:{left}") as store:
            assert [event.message for event in await everything(store)] == ["a"]


async def test_no_connection_opens_another_file(path: Path) -> None:
    async with open_sql_store(f"sqlite:{path}", pool=Pool(size=1, overflow=1)) as store:
        with store._readers.connect():
            original = moved(path)
            shutil.copy(original, path)
            with pytest.raises(Outage, match="replaced"):
                store._readers.connect()
            original.replace(path)
            beside(path, "-wal").unlink()
            with pytest.raises(Outage, match="-wal"):
                store._readers.connect()
        assert not beside(path, "-wal").exists()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_restored_file_is_used_again(path: Path, suffix: str) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        file = beside(path, suffix)
        away = file.rename(path.with_name("away"))
        with pytest.raises(Outage):
            await store.append([draft("a")])
        away.replace(file)
        await store.probe()
        await append(store, [draft("b")])
    async with open_sql_store(f"sqlite:{path}") as store:
        assert [event.message for event in await everything(store)] == ["b"]


async def test_a_commit_into_a_removed_file_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = sqlite.check_file

    def removed_in_between(*args: Any) -> None:  # noqa: ANN401 - passed on
        check(*args)
        path.unlink(missing_ok=True)

    monkeypatch.setattr(sqlite, "check_file", removed_in_between)
    async with open_sql_store(f"sqlite:{path}") as store:
        with pytest.raises(Outage, match="removed"):
            await store.append([draft("a")])


async def test_a_moved_file_receives_at_most_one_more_batch(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "CHECK_HOLDS_SECONDS", 60.0)
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        moved(path)
        for text in ("b", "c"):
            with pytest.raises(Outage, match="removed"):
                await store.append([draft(text)])
        path.with_name("moved.db").replace(path)
        assert [event.message for event in await everything(store)] == ["a", "b"]

"""Removal and replacement of the file of an open SQLite store."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contracts.drafts import append, draft, everything
from trio_chat.errors import Outage
from trio_chat.store.sql import store as store_module
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.store import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture(autouse=True)
def _checked_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the file before each commit: the tests move it right after one."""
    monkeypatch.setattr(store_module, "CHECK_HOLDS_SECONDS", -1.0)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    async with open_sql_store(f"sqlite:{path}") as opened:
        await append(opened, [draft("a")])
        yield opened


def moved(path: Path) -> Path:
    return path.rename(path.with_name("moved.db"))


async def texts_in(path: Path) -> list[str]:
    async with open_sql_store(f"sqlite:{path}") as store:
        return [event.message for event in await everything(store)]


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


async def test_a_removed_file_fails_reads_and_writes(store: SqlStore, path: Path) -> None:
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
    assert await texts_in(path) == ["a"]


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


@pytest.mark.parametrize("is_checked", [True, False])
async def test_a_check_or_stop_empties_the_write_ahead_log_of_a_moved_file(
    path: Path, *, is_checked: bool
) -> None:
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        away = moved(path)
        if is_checked:
            with pytest.raises(Outage):
                await store.check()
            assert beside(path, "-wal").stat().st_size == 0
    assert beside(path, "-wal").stat().st_size == 0
    assert await texts_in(away) == ["a"]


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
        why = f"its {suffix} file was removed or replaced; restart"
        await assert_refuses_everything(store, why)
        # The state after a `kill -9`.
        killed = Path(shutil.copy(path, path.with_name("killed.db")))
    for left in (killed, path):
        assert await texts_in(left) == ["a"]


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
async def test_a_restored_file_is_used_again(store: SqlStore, path: Path, suffix: str) -> None:
    file = beside(path, suffix)
    away = file.rename(path.with_name("away"))
    with pytest.raises(Outage):
        await store.append([draft("lost")])
    away.replace(file)
    await store.probe()
    await append(store, [draft("b")])
    assert [event.message for event in await everything(store)] == ["a", "b"]


async def test_a_commit_into_a_removed_file_fails(
    store: SqlStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = store._check_file

    def removed_in_between() -> None:
        check()
        path.unlink(missing_ok=True)

    monkeypatch.setattr(store, "_check_file", removed_in_between)
    with pytest.raises(Outage, match="removed"):
        await store.append([draft("b")])


async def test_a_moved_file_receives_at_most_one_more_batch(
    store: SqlStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "CHECK_HOLDS_SECONDS", 60.0)
    away = moved(path)
    for text in ("b", "c"):
        with pytest.raises(Outage, match="removed"):
            await store.append([draft(text)])
    away.replace(path)
    assert [event.message for event in await everything(store)] == ["a", "b"]

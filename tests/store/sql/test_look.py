"""Refused starts change nothing."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.contracts.drafts import append, draft, everything
from tests.store.sql.tables import complaint
from trio_chat.store.sql.opened import open_sql_store

NOBODY = 65534


def make_text(path: Path) -> None:
    path.write_text("Not a database. " * 200)


def make_database(*statements: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return make


def make_crashed_database(path: Path) -> None:
    """Make a database whose content is in its write-ahead log."""
    origin = path.with_name("origin")
    origin.mkdir()
    with closing(sqlite3.connect(origin / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE invoices (number INTEGER)")
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{origin}/a.db{suffix}", f"{path}{suffix}")


OTHER = "CREATE TABLE invoices (number INTEGER)"
VERSION = "CREATE TABLE chat_version (version_num TEXT)"
KINDS: dict[Callable[[Path], None], str] = {
    make_text: "not a database",
    Path.mkdir: "it is a directory",
    os.mkfifo: "it is not a regular file",
    make_database(OTHER): "a database of something else",
    make_database("PRAGMA journal_mode = wal", OTHER): "a database of something else",
    make_crashed_database: "a database of something else",
    make_database(VERSION, "INSERT INTO chat_version VALUES ('9999')"): "by a newer trio_chat",
}


def snapshot(folder: Path) -> dict[str, object]:
    """Return mode and content of each file; the content of an index is skipped."""
    return {
        path.name: (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() and not path.name.endswith("-shm") else None,
        )
        for path in folder.iterdir()
    }


@pytest.mark.parametrize(("make", "why"), KINDS.items())
async def test_a_refused_start_changes_nothing(
    make: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.db"
    make(path)
    before = snapshot(tmp_path)
    assert why in await complaint(f"sqlite:{path}")
    assert snapshot(tmp_path) == before


@pytest.fixture
def unreadable() -> Iterator[Path]:
    """A private file in a folder that everybody may write to, as pytest's is not."""
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        (path := Path(folder, "chat.db")).touch(0o600)
        yield path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_an_unreadable_file_changes_nothing(unreadable: Path) -> None:
    os.seteuid(NOBODY)
    try:
        assert "cannot open the store" in await complaint(f"sqlite:{unreadable}")
    finally:
        os.seteuid(0)
    assert list(snapshot(unreadable.parent)) == ["chat.db"]


async def test_an_empty_file_becomes_a_store_which_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.touch()
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    async with open_sql_store(f"sqlite:{tmp_path}/copy.db") as store:
        assert [event.message for event in await everything(store)] == ["a"]

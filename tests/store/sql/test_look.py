"""Refused starts change nothing."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.drafts import append, draft, everything
from trio_chat.errors import StartError
from trio_chat.store.sql.opened import open_sql_store

NOBODY = 65534


def make_text(path: Path) -> None:
    path.write_text("Not a database. " * 200)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_other_database(path: Path, mode: str = "delete") -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE invoices (number INTEGER)")
    connection.close()


def make_other_write_ahead_database(path: Path) -> None:
    make_other_database(path, "wal")


def make_newer_store(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE chat_version (version_num TEXT)")
    connection.execute("INSERT INTO chat_version VALUES ('9999')")
    connection.commit()
    connection.close()


def make_crashed_database(path: Path) -> None:
    """Make a database whose content is in its write-ahead log."""
    origin = path.with_name("origin")
    origin.mkdir()
    connection = sqlite3.connect(origin / "a.db")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE invoices (number INTEGER)")
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(f"{origin}/a.db{suffix}", f"{path}{suffix}")
    connection.close()


KINDS: dict[Callable[[Path], None], str] = {
    make_text: "not a database",
    make_directory: "it is a directory",
    make_pipe: "it is not a regular file",
    make_other_database: "a database of something else",
    make_other_write_ahead_database: "a database of something else",
    make_crashed_database: "a database of something else",
    make_newer_store: "written by a newer trio_chat",
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
    with pytest.raises(StartError, match=why):
        async with open_sql_store(f"sqlite:{path}"):
            pass
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_an_unreadable_file_changes_nothing() -> None:
    folder = Path("/tmp", f"trio-chat-unreadable-{os.getpid()}")  # noqa: S108 - pytest's is root's
    path = folder / "chat.db"
    make_unreadable(path)
    try:
        os.seteuid(NOBODY)
        try:
            with pytest.raises(StartError, match="cannot open the store"):
                async with open_sql_store(f"sqlite:{path}"):
                    pass
        finally:
            os.seteuid(0)
        assert list(snapshot(folder)) == ["chat.db"]
    finally:
        shutil.rmtree(folder)


def make_unreadable(path: Path) -> None:
    """Make a private file in a folder that everybody may write to."""
    path.parent.mkdir()
    path.parent.chmod(0o777)
    path.touch(0o600)


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.touch()
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])


async def test_the_store_of_a_killed_server_has_its_write_ahead_log(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft("a")])
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    async with open_sql_store(f"sqlite:{tmp_path}/copy.db") as store:
        assert [event.message for event in await everything(store)] == ["a"]

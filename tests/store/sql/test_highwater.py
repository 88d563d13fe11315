"""The high-water mark beside an SQLite file."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.contracts.drafts import append, draft
from tests.store.sql.tables import copy_of
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.sqlite import Sync

Changes = list[tuple[str, str]]


def url(folder: Path) -> str:
    return f"sqlite:{folder}/chat.db"


def mark_in(folder: Path) -> Path:
    return folder / "chat.db.mark"


def back_up(folder: Path, target: Path) -> None:
    with closing(sqlite3.connect(folder / "chat.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(target)])


def restore(copy: Path, folder: Path) -> None:
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (folder / name).unlink(missing_ok=True)
    copy.rename(folder / "chat.db")


async def start(folder: Path, *texts: str, sync: Sync = "full") -> tuple[str, Changes]:
    """Open the store and append; returns its epoch, and the replaced epochs."""
    changes: Changes = []

    def note(old: str, new: str) -> None:
        changes.append((old, new))

    async with open_sql_store(url(folder), sync=sync, on_new_epoch=note) as store:
        await append(store, [draft(text) for text in texts])
        return store.epoch, changes


@pytest.mark.parametrize(
    ("is_copy", "texts"),
    [(True, ()), (True, ("c", "d")), (False, ("a",))],
    ids=["older copy", "diverged copy", "another chat"],
)
async def test_another_history_in_the_file_gets_one_new_epoch(
    tmp_path: Path, texts: tuple[str, ...], *, is_copy: bool
) -> None:
    begun, _ = await start(tmp_path, "a")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    if is_copy:
        back_up(tmp_path, elsewhere / "chat.db")
        await start(tmp_path, "b")
    theirs, changes = await start(elsewhere, *texts)
    assert (theirs == begun, changes) == (is_copy, [])
    restore(elsewhere / "chat.db", tmp_path)
    epoch, changes = await start(tmp_path)
    assert changes == [(begun, epoch)]
    assert epoch != theirs
    assert await start(tmp_path) == (epoch, [])


async def test_commits_lost_in_a_power_cut_cause_a_new_epoch(tmp_path: Path) -> None:
    begun, _ = await start(tmp_path, "a", sync="normal")
    async with open_sql_store(url(tmp_path), sync="normal") as store:
        before = (tmp_path / "chat.db").read_bytes()
        await append(store, [draft("b")])
        await store.save_mark()
        mark = mark_in(tmp_path).read_bytes()
    (tmp_path / "chat.db").write_bytes(before)
    mark_in(tmp_path).write_bytes(mark)
    epoch, changes = await start(tmp_path, sync="normal")
    assert changes == [(begun, epoch)]


async def test_the_mark_holds_the_newest_commit_and_is_private(tmp_path: Path) -> None:
    async with open_sql_store(url(tmp_path)) as store:
        assert json.loads(mark_in(tmp_path).read_bytes()) == {"epoch": store.epoch, "anchor": None}
        await append(store, [draft("a"), draft("b", "dev")])
        await store.save_mark()
        assert json.loads(mark_in(tmp_path).read_bytes()) == {
            "epoch": store.epoch,
            "anchor": {"room": "dev", "seq": 1, "id": "id-dev-b"},
        }
        assert mark_in(tmp_path).stat().st_mode & 0o777 == 0o600
        written = mark_in(tmp_path).stat().st_ino
        await store.save_mark()
        assert mark_in(tmp_path).stat().st_ino == written
        await append(store, [draft("c")])
    assert json.loads(mark_in(tmp_path).read_bytes())["anchor"]["id"] == "id-general-c"


@pytest.mark.parametrize("content", [b"", b"{", b'{"epoch": "e", "anchor": 5}', b'"epoch"'])
async def test_without_a_readable_mark_the_epoch_stays(tmp_path: Path, content: bytes) -> None:
    epoch, _ = await start(tmp_path, "a")
    mark_in(tmp_path).write_bytes(content)
    with capture_logs() as lines:
        assert await start(tmp_path) == (epoch, [])
    assert [line["event"] for line in lines] == ["high-water mark cannot be read"]
    mark_in(tmp_path).unlink()
    with capture_logs() as lines:
        assert await start(tmp_path) == (epoch, [])
    assert not lines


async def test_an_unwritable_mark_is_one_log_line_and_no_outage(tmp_path: Path) -> None:
    (blocked := tmp_path / f"chat.db.mark.{os.getpid()}").mkdir()
    with capture_logs() as lines:
        async with open_sql_store(url(tmp_path)) as store:
            await append(store, [draft("a")])
            await store.save_mark()
            assert [(line["event"], line["reason"]) for line in lines] == [
                ("high-water mark cannot be written", "Is a directory")
            ]
            blocked.rmdir()
            await store.save_mark()
    assert json.loads(mark_in(tmp_path).read_bytes())["anchor"]["id"] == "id-general-a"
    assert len(lines) == 1
    assert len(copy_of(url(tmp_path))["chat_events"]) == 1

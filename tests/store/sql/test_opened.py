"""Opening and closing a store, and refusals."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from sqlalchemy import event
from trio.testing import wait_all_tasks_blocked

from tests.contracts.drafts import append, draft, everything
from tests.store.sql.gate import Gate
from tests.store.sql.tables import complaint
from tests.support.postgres import Cluster
from trio_chat.store.base import Commit
from trio_chat.store.sql import batch, look, sqlite
from trio_chat.store.sql.opened import open_sql_store

_HOLDER = """
import sys, trio
from trio_chat.store.sql.opened import open_sql_store

async def main():
    async with open_sql_store(sys.argv[1]):
        print("open", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@contextmanager
def another_process(url: str) -> Iterator[int]:
    """Run a process that has the store within the block, then kill it."""
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        try:
            yield process.pid
        finally:
            process.kill()


async def test_closing_waits_for_a_cancelled_commit(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, commit = Gate(), batch.commit

    def slow(*args: Any) -> Commit:  # noqa: ANN401 - passed on
        gate()
        return commit(*args)

    async def let_it_end() -> None:
        await wait_all_tasks_blocked(0.1)
        gate.is_open.set()

    monkeypatch.setattr(batch, "commit", slow)
    closed: list[object] = []
    async with trio.open_nursery() as nursery:
        async with open_sql_store(url) as store:
            event.listen(store._writer, "close", lambda connection, _: closed.append(connection))
            async with trio.open_nursery() as calls:
                calls.start_soon(store.append, [draft("a")])
                await gate.has_begun()
                calls.cancel_scope.cancel()
            nursery.start_soon(let_it_end)
        assert len(closed) == 1
    async with open_sql_store(url) as store:
        assert [event.message for event in await everything(store)] == ["a"]


async def test_a_symbolic_link_leads_to_the_same_store(tmp_path: Path) -> None:
    (tmp_path / "other.db").symlink_to(tmp_path / "chat.db")
    async with open_sql_store(f"sqlite:{tmp_path}/chat.db"):
        assert "another process" in await complaint(f"sqlite:{tmp_path}/other.db")


async def test_a_killed_process_frees_the_store(url: str) -> None:
    with another_process(url) as pid:
        refusal = await complaint(url)
    assert "another process" in refusal
    if url.startswith("sqlite:"):
        assert f"({pid})" in refusal
    async with open_sql_store(url) as store:
        await append(store, [draft("a")])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.db",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:///chat.db",
        "mysql://secret@x/y",
        "postgresql://u:secret@h:port/x",
        "postgresql+asyncpg://u:secret@h/x",
    ],
)
async def test_an_invalid_url_is_refused_without_its_secret(url: str) -> None:
    line = await complaint(url)
    assert "not a store" in line
    assert "secret" not in line


async def test_an_unreachable_database_is_refused_without_the_password() -> None:
    line = await complaint("postgresql://u:secret@127.0.0.1:1/x?sslkey=secret")
    assert line.startswith("cannot open the store postgresql://u:***@127.0.0.1:1/x: ")
    assert "Connection refused" in line
    assert "secret" not in line


async def test_a_wrong_password_is_refused_without_repeating_it(cluster: Cluster) -> None:
    line = await complaint(cluster.url().replace(cluster.password, "secret"))
    assert "password authentication failed" in line
    assert "secret" not in line


async def test_a_database_in_another_encoding_is_refused(cluster: Cluster) -> None:
    cluster.run(
        "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    assert "create a database in UTF8" in await complaint(cluster.url("old"))


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{file}") as store:
        await append(store, [draft(f"{number}" * 500) for number in range(500)])
    content = file.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        content[:20480] + b"\xff" * 8192 + content[28672:],
    ):
        file.write_bytes(damaged)
        assert str(file) in await complaint(f"sqlite:{file}")


@pytest.mark.parametrize("checked_bytes", [0, 1 << 30])
async def test_a_copy_beside_a_foreign_write_ahead_log_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked_bytes: int
) -> None:
    monkeypatch.setattr(look, "_CHECKED_BYTES", checked_bytes)
    file = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{file}"):
        pass
    older = tmp_path / "older.db"
    shutil.copy(file, older)
    async with open_sql_store(f"sqlite:{file}") as store:
        await append(store, [draft(f"{number}" * 500) for number in range(500)])
        sqlite.empty_write_ahead_log(store._readers)
        await append(store, [draft(f"{number}" * 501) for number in range(100)])
        for suffix in ("-wal", "-shm"):
            shutil.copy(f"{file}{suffix}", f"{older}{suffix}")
    content = older.read_bytes()
    line = await complaint(f"sqlite:{older}")
    assert line.startswith(f"the store {older} is damaged. If a copy was put there, a -wal or -shm")
    assert "put the copy there again and remove both; otherwise restore a backup" in line
    assert not checked_bytes or older.read_bytes() == content


async def test_a_path_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    line = await complaint(f"sqlite:{tmp_path}/missing/chat.db")
    assert line.startswith(f"cannot open the store sqlite:{tmp_path}/missing/chat.db: ")

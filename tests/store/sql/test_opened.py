"""What can be wrong with a store when it is opened."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from sqlalchemy import event
from trio.testing import wait_all_tasks_blocked

from tests.contracts.drafts import append, draft, everything
from tests.store.sql.tables import connected
from tests.support.postgres import Cluster
from trio_chat.errors import StartError
from trio_chat.store.base import Commit
from trio_chat.store.sql import batch, look, postgres, sqlite
from trio_chat.store.sql.opened import open_sql_store

_HOLDER = """
import sys, trio
from trio_chat.store.sql import postgres, sqlite
from trio_chat.store.sql.opened import open_sql_store

async def main():
    async with open_sql_store(sys.argv[1]):
        print("open", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@contextmanager
def another_process(url: str) -> Iterator[int]:
    """A process that has the store; leaving kills it."""
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        try:
            yield process.pid
        finally:
            process.kill()


async def complaint(url: str) -> str:
    with pytest.raises(StartError) as failure:
        async with open_sql_store(url):
            pass
    (line,) = str(failure.value).splitlines()
    return line


async def test_what_was_cancelled_is_over_before_the_log_is_let_go(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    commit = batch.commit

    def slow(*args: Any) -> Commit:  # noqa: ANN401 - passed on
        begun.set()
        assert may_end.wait(10)
        return commit(*args)

    async def let_it_end() -> None:
        # Until then whoever closes has waited, or has done all of it.
        await wait_all_tasks_blocked(0.1)
        may_end.set()

    monkeypatch.setattr(batch, "commit", slow)
    closed: list[object] = []
    async with trio.open_nursery() as nursery:
        async with open_sql_store(url) as store:
            event.listen(store._writer, "close", lambda connection, _: closed.append(connection))
            async with trio.open_nursery() as calls:
                calls.start_soon(store.append, [draft("a")])
                await trio.to_thread.run_sync(begun.wait)
                calls.cancel_scope.cancel()
            nursery.start_soon(let_it_end)
        assert len(closed) == 1
    async with open_sql_store(url) as store:
        assert [event.message for event in await everything(store)] == ["a"]


async def test_a_second_one_is_refused_while_the_first_lives(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_TAKE_MS", 100)
    async with open_sql_store(url):
        assert "another process" in await complaint(url)
    async with open_sql_store(url):
        pass


async def test_two_names_of_one_file_are_one_log(tmp_path: Path) -> None:
    (tmp_path / "other.db").symlink_to(tmp_path / "chat.db")
    async with open_sql_store(f"sqlite:{tmp_path}/chat.db"):
        assert "another process" in await complaint(f"sqlite:{tmp_path}/other.db")


async def test_a_process_that_is_killed_leaves_the_log_to_others(url: str) -> None:
    with another_process(url) as pid:
        said = await complaint(url)
    assert "another process" in said
    if url.startswith("sqlite:"):
        assert f"({pid})" in said
    async with open_sql_store(url) as store:
        await append(store, [draft("a")])


async def test_who_is_told_to_share_shares(url: str) -> None:
    async with (
        open_sql_store(url, exclusive=False) as one,
        open_sql_store(url, exclusive=False) as other,
    ):
        (first,) = await append(one, [draft("a")])
        (second,) = await append(other, [draft("b")])
        assert (first.seq, second.seq) == (1, 2)
        assert await one.positions(["general"]) == await other.positions(["general"])


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
async def test_what_is_no_log_is_one_line_without_a_secret(url: str) -> None:
    line = await complaint(url)
    assert "not a store" in line
    assert "secret" not in line


async def test_a_database_that_does_not_answer_is_one_line_without_the_password() -> None:
    line = await complaint("postgresql://u:secret@127.0.0.1:1/x?sslkey=secret")
    assert line.startswith("cannot open the store postgresql://u:***@127.0.0.1:1/x: ")
    assert "Connection refused" in line
    assert "secret" not in line


async def test_without_its_driver_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "trio_chat.store.sql.postgres")
    monkeypatch.delattr("trio_chat.store.sql.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    line = await complaint("postgresql://u:secret@127.0.0.1:1/x")
    assert line.endswith("pip install 'trio-chat[postgres]'")


async def test_a_wrong_password_is_one_line_without_it(cluster: Cluster) -> None:
    line = await complaint(cluster.url().replace(cluster.password, "secret"))
    assert "password authentication failed" in line
    assert "secret" not in line


async def test_a_database_in_another_encoding_is_refused(cluster: Cluster) -> None:
    cluster.run(
        "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    assert "it has to be a database in UTF8" in await complaint(cluster.url("old"))


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_bytes(b"This is a text about something else.\n" * 100)
    line = await complaint(f"sqlite:{tmp_path}/chat.db")
    assert line.endswith("file is not a database")


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
async def test_a_copy_beside_a_foreign_write_ahead_log_is_refused_with_what_to_do(
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


async def test_a_large_file_is_not_read_through_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_CHECKED_BYTES", 1)
    file = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{file}") as store:
        await append(store, [draft(f"{number}" * 500) for number in range(500)])
    file.write_bytes(file.read_bytes()[:-4096] + b"\xff" * 4096)
    async with open_sql_store(f"sqlite:{file}") as store:
        assert (await store.positions(["general"]))["general"].head == 500


@pytest.mark.parametrize("name", ["", "missing/chat.db"])
async def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    line = await complaint(f"sqlite:{tmp_path}/{name}")
    assert line.startswith(f"cannot open the store sqlite:{tmp_path}/{name}: ")


async def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    with connected(url) as connection:
        connection.exec_driver_sql("CREATE TABLE recipes (name TEXT)")
    assert "is a database of something else" in await complaint(url)

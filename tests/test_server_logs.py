"""The server as a whole where its store cannot be opened: one clear line, without a password."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.local_server import local_server
from trio_chat import server
from trio_chat.errors import StartError
from trio_chat.settings import Settings


async def start_in_vain(store: str) -> str:
    with pytest.raises(StartError) as refused:
        await server.serve(Settings(port=0, store=store))
    return " ".join(str(refused.value).split())  # as the command line shows it


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """The file of a store that a server has had."""
    path = tmp_path / "chat.db"
    async with local_server(store=f"sqlite:{path}") as home:
        await home.join("ann")
    return path


async def test_a_missing_folder_names_the_log(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/missing/chat.db"
    assert await start_in_vain(store) == f"cannot open the store {store}: No such file or directory"


async def test_a_folder_is_no_log(tmp_path: Path) -> None:
    assert "it is a directory" in await start_in_vain(f"sqlite:{tmp_path}")


async def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, " * 100)
    assert "not a database" in await start_in_vain(f"sqlite:{path}")
    assert path.read_text() == "not a database at all, " * 100


def corrupt(path: Path) -> None:
    """Write over the first half of each page but the first."""
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 2048] = b"\xa5" * 2048
    path.write_bytes(data)


async def test_a_corrupt_file_is_found(used: Path) -> None:
    corrupt(used)
    line = await start_in_vain(f"sqlite:{used}")
    assert str(used) in line
    assert "damaged" in line or "malformed" in line


async def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE invoices (number INTEGER)")
    connection.close()
    assert "something else" in await start_in_vain(f"sqlite:{path}")


async def test_a_database_that_is_not_reached_is_named_without_the_password() -> None:
    line = await start_in_vain("postgresql://ann:hush@127.0.0.1:1/chat")
    assert line.startswith("cannot open the store postgresql://ann:***@127.0.0.1:1/chat: ")
    assert line.endswith("Connection refused")


async def test_a_log_that_a_server_has_is_not_for_a_second_one_until_that_has_ended(
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    async with local_server(store=store) as home:
        assert "another process" in await start_in_vain(store)
        (tmp_path / "other.db").symlink_to(tmp_path / "chat.db")
        assert "another process" in await start_in_vain(f"sqlite:{tmp_path}/other.db")
        assert await home.get("/readyz") == (200, "ready")
    async with local_server(store=store) as home:
        assert await home.get("/readyz") == (200, "ready")


async def test_a_port_that_is_taken_leaves_the_log_to_others(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    async with local_server() as home:
        with pytest.raises(StartError, match="cannot listen"):
            await server.serve(Settings(port=home.port, store=store))
    async with local_server(store=store) as home:
        assert await home.get("/readyz") == (200, "ready")

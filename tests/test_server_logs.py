"""The whole server with a store that cannot be opened."""

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


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/missing/chat.db"
    assert await start_in_vain(store) == f"cannot open the store {store}: No such file or directory"


async def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    assert "it is a directory" in await start_in_vain(f"sqlite:{tmp_path}")


async def test_a_file_that_is_not_a_database_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, " * 100)
    assert "not a database" in await start_in_vain(f"sqlite:{path}")
    assert path.read_text() == "not a database at all, " * 100


async def test_a_failed_start_releases_the_store(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    async with local_server() as home:
        with pytest.raises(StartError, match="cannot listen"):
            await server.serve(Settings(port=home.port, store=store))
    async with local_server(store=store) as home:
        assert await home.get("/readyz") == (200, "ready")

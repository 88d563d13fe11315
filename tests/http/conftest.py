"""A folder of pages, and a scene around it that admits every upgrade."""

from pathlib import Path

import pytest

from tests.http.wire import Scene


@pytest.fixture(scope="session")
def pages_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like ``static/``: two pages, a script, a subfolder, hidden files."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "chat.html").write_text("<!doctype html><title>chat</title>")
    (folder / "echo.html").write_text("<!doctype html><title>echo</title>")
    (folder / "chat.js").write_text("// gr\u00fc\u00dfe\n", encoding="utf-8")
    (folder / "img").mkdir()
    (folder / "img" / "dot.png").write_bytes(b"\x89PNG")
    (folder / "data.bin").write_bytes(b"\x00\x01")
    (folder / ".secret").write_text("no")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("no")
    return folder


@pytest.fixture
def scene(pages_folder: Path) -> Scene:
    return Scene(pages_folder)

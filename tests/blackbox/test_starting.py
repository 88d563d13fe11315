"""The start of a process: its default store, and the refusal to share one."""

import subprocess
from pathlib import Path

from tests.support.client import Chatter
from tests.support.process import command
from tests.support.server import START_SECONDS, ChatServer, environment


def refused_start(*settings: str) -> str:
    """Start a server that cannot start, and return its only line."""
    ended = subprocess.run(
        command(*settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        env=environment(),
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    return line


def test_a_second_server_on_one_file_prints_one_line_that_names_the_first(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    with ChatServer("--store", store) as server:
        assert f"another process ({server.pid}) has the store" in refused_start("--store", store)


HERE = """
import os, sys
os.chdir(sys.argv.pop(1))
del os.environ["TRIO_CHAT_STORE"]
from trio_chat.cli.app import main
sys.exit(main())
"""


def test_history_is_in_a_file_of_the_working_directory_by_default(tmp_path: Path) -> None:
    with ChatServer(program=("-c", HERE, str(tmp_path))) as server:
        ann = Chatter(server.url(), "ann")
        ann.fence("still there?")
        ann.leave()
        server.end()
        assert (tmp_path / "trio_chat.db").is_file()
        server.start()
        bob = Chatter(server.url(), "bob")
        assert "still there?" in [event["message"] for event in bob.next()["history"]]
        bob.leave()

"""Starting: one readable line where it is well, one clear line and status 2 where it is not."""

import subprocess
from pathlib import Path

from tests.support.client import Chatter
from tests.support.process import command
from tests.support.raw import RawConnection
from tests.support.requests import plain_head
from tests.support.server import START_SECONDS, ChatServer, environment


def start_in_vain(*settings: str, **variables: str) -> str:
    """Start a server that cannot start, and give the one line it says why."""
    ended = subprocess.run(
        command(*settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        env=environment(variables),
    )
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in lines[0]
    return lines[0]


# Each kind of bad value is tried within one process, in tests/cli/test_refusals.py.


def test_a_second_server_on_one_file_prints_one_line_that_names_the_first(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    with ChatServer("--store", store) as server:
        line = start_in_vain("--store", store)
        assert f"another process ({server.pid}) has the store" in line


def test_the_server_needs_no_arguments() -> None:
    with ChatServer() as server, RawConnection(server.address) as connection:
        assert server.address[0] == "127.0.0.1"
        connection.push(plain_head(b"/readyz"))
        assert connection.read_response().status == 200


HERE = """
import os, sys
os.chdir(sys.argv.pop(1))
del os.environ["TRIO_CHAT_STORE"]
from trio_chat.cli.app import main
sys.exit(main())
"""


def test_history_is_in_a_file_of_the_working_directory_by_default(tmp_path: Path) -> None:
    program = ("-c", HERE, str(tmp_path))
    with ChatServer(program=program) as server:
        ann = Chatter(server.url(), "ann")
        ann.fence("still there?")
        ann.leave()
    assert (tmp_path / "trio_chat.db").is_file()
    with ChatServer(program=program) as server:
        bob = Chatter(server.url(), "bob")
        history = bob.next()
        assert "still there?" in [event["message"] for event in history["history"]]
        bob.leave()


def test_the_server_logs_connects_and_disconnects_with_the_address() -> None:
    with ChatServer() as server:
        ann = Chatter(server.url(), "ann")
        ann.arrive()
        host, port = ann.socket.local_address[:2]
        ann.leave()
        server.stop()
    told = [line for line in server.log_lines if f"{host}:{port}" in line]
    assert len(told) >= 2, f"connect and disconnect of {host}:{port} in: {server.log_lines}"

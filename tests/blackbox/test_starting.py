"""Starting: one readable line where it is well, one clear line and status 2 where it is not."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.client import Chatter
from tests.support.process import command
from tests.support.raw import RawConnection
from tests.support.requests import plain_head
from tests.support.server import START_SECONDS, environment, running


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


def test_a_port_in_use_is_one_line_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in start_in_vain("--port", port)


# Each kind of bad value is tried within one process, in tests/cli/test_refusals.py.
@pytest.mark.parametrize("settings", [("--port", "abc"), ("--store", "chat.db")], ids=" ".join)
def test_a_bad_value_is_one_line_that_names_the_setting(settings: tuple[str, ...]) -> None:
    assert settings[0].removeprefix("--") in start_in_vain(*settings)


def test_an_unknown_flag_is_one_line_that_names_it() -> None:
    assert "--no-such-thing" in start_in_vain("--no-such-thing", "1")


def test_a_wrong_url_of_the_log_is_not_shown_as_it_may_hold_a_password() -> None:
    for line in (
        start_in_vain("--store", "mysql://ann:hush@db/chat"),
        start_in_vain(TRIO_CHAT_STORE="postgres://ann:hush@db/chat"),
    ):
        assert "must be memory:, sqlite:PATH or postgresql://" in line
        assert "hush" not in line


def test_a_second_process_on_the_same_log_is_one_line_that_names_the_first(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    with running("--store", store) as server:
        line = start_in_vain("--store", store)
        assert f"another process ({server.pid}) has the store" in line


def test_a_bad_value_in_the_environment_is_one_line() -> None:
    assert "port" in start_in_vain(TRIO_CHAT_PORT="abc").lower()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("no-such-key = 1", "no-such-key"),
        ('port = "abc"', "port"),
        ("port = true", "port"),
        ("send-queue = 0", "send-queue"),
        ("port = ", "toml"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    assert named in start_in_vain("--config", str(file)).lower()


def test_a_missing_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    assert "missing.toml" in start_in_vain("--config", str(tmp_path / "missing.toml"))


def test_flags_are_stronger_than_the_environment_and_that_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'history-size = 7\nmax-message-chars = 5\ndefault-room = "file"\n'
        "upgrade-rate = 0\nheartbeat-interval = 2.5\n"
    )
    extra = {"TRIO_CHAT_HISTORY_SIZE": "5", "TRIO_CHAT_DEFAULT_ROOM": "environment"}
    with running("--config", str(file), "--history-size", "3", extra=extra) as server:
        ann = Chatter(server.url(), "ann")
        ann.arrive()
        for number in range(9):
            ann.fence(str(number))
        bob = Chatter(server.url(), "bob")
        history = bob.next()
        assert [event["message"] for event in history["history"]] == ["6", "7", "8"]
        assert history["room"] == "environment"
        bob.say("123456")
        assert "seq" not in bob.first(lambda e: e.get("message") != "" and "seq" not in e)
        ann.leave()
        bob.leave()


def test_no_arguments_are_needed_but_a_free_port() -> None:
    with running() as server, RawConnection(server.address) as connection:
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


def test_by_default_history_is_in_a_file_of_the_working_directory(tmp_path: Path) -> None:
    program = ("-c", HERE, str(tmp_path))
    with running(program=program) as server:
        ann = Chatter(server.url(), "ann")
        ann.fence("still there?")
        ann.leave()
    assert (tmp_path / "trio_chat.db").is_file()
    with running(program=program) as server:
        bob = Chatter(server.url(), "bob")
        history = bob.next()
        assert "still there?" in [event["message"] for event in history["history"]]
        bob.leave()


def test_connects_and_disconnects_are_logged_with_the_address() -> None:
    with running() as server:
        ann = Chatter(server.url(), "ann")
        ann.arrive()
        host, port = ann.socket.local_address[:2]
        ann.leave()
        server.stop()
    told = [line for line in server.log_lines if f"{host}:{port}" in line]
    assert len(told) >= 2, f"connect and disconnect of {host}:{port} in: {server.log_lines}"

"""A server whose stdout or stderr takes nothing: the chat goes on, and ends as it should."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Chatter
from tests.support.process import command
from tests.support.raw import RawConnection
from tests.support.requests import plain_head
from tests.support.server import START_SECONDS, environment
from tests.support.waiting import PATIENCE_SECONDS, eventually

CLOSED = "exec 1>&- 2>&-; exec "


class Mute:
    """A server with unread pipes.

    Args:
        port: Where it listens.
        program: The command line.
        output: Its stdout and stderr.
    """

    def __init__(self, port: int, program: list[str], **output: Any) -> None:  # noqa: ANN401 - as Popen
        self.address = "127.0.0.1", port
        self.process = subprocess.Popen(program, env=environment(), **output)

    def is_there(self) -> bool:
        """Whether it answers."""
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def get(self, path: bytes) -> str:
        """Give the body of a page."""
        with RawConnection(self.address) as connection:
            connection.push(plain_head(path))
            return connection.read_response().body.decode()

    def dropped(self) -> float:
        """Give the number of lines that were dropped."""
        found = re.search(
            r"^trio_chat_log_lines_dropped_total (\S+)$", self.get(b"/metrics"), re.MULTILINE
        )
        assert found
        return float(found[1])

    def assert_chats(self) -> None:
        """Hold that two members can talk."""
        host, port = self.address
        ann, bob = (Chatter(f"ws://{host}:{port}/ws", name) for name in ("ann", "bob"))
        ann.fence("hello")
        bob.leave()
        ann.leave()

    def assert_ends_well(self) -> None:
        """Hold that SIGTERM drains it."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_SECONDS) == 0


@contextmanager
def mute(*flags: str, shell: str = "", **output: Any) -> Iterator[Mute]:  # noqa: ANN401 - as Popen
    """Run one, and hold that it ends by SIGTERM, with 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = command("--port", str(port), "--log-format", "json", *flags)
    program = ["sh", "-c", f'{shell}"$@"', "sh", *words] if shell else words
    server = Mute(port, program, **output)
    try:
        eventually(server.is_there, "it listens", START_SECONDS)
        yield server
        server.assert_ends_well()
    finally:
        server.process.kill()
        server.process.wait()


def test_with_stderr_on_a_full_disk_the_server_runs_and_counts_lost_lines() -> None:
    with Path("/dev/full").open("wb") as full, mute(stdout=full, stderr=full) as server:
        server.assert_chats()
        eventually(lambda: server.dropped() > 0, "lost lines are counted")


def test_with_closed_streams_the_server_runs_and_no_socket_replaces_them() -> None:
    with mute(shell=CLOSED) as server:
        server.assert_chats()
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        assert {(descriptors / str(number)).readlink() for number in (1, 2)} == {Path(os.devnull)}


def test_the_server_survives_the_end_of_its_log_reader() -> None:
    reading, writing = os.pipe()
    with mute(stdout=writing, stderr=writing) as server:
        os.close(writing)
        os.close(reading)
        server.assert_chats()
        eventually(lambda: server.dropped() > 0, "lost lines are counted")


def test_the_server_survives_a_closed_terminal() -> None:
    ours, theirs = os.openpty()
    with mute(stdout=theirs, stderr=theirs, start_new_session=True) as server:
        os.close(theirs)
        os.close(ours)
        server.assert_chats()
        eventually(lambda: server.dropped() > 0, "lost lines are counted")


@pytest.fixture
def unread() -> Iterator[int]:
    """The writing end of a pipe that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, b"." * 1_000_000)
    os.set_blocking(writing, True)
    yield writing
    os.close(writing)
    os.close(reading)


def test_unread_pipes_delay_no_client_and_no_shutdown(unread: int) -> None:
    with mute("--upgrade-rate", "0", stdout=unread, stderr=unread) as server:
        server.assert_chats()
        assert server.get(b"/healthz") == "ok"


def test_a_refused_start_ends_with_an_unread_pipe(unread: int) -> None:
    refused = subprocess.run(
        command("--port", "x"),
        stdout=unread,
        stderr=unread,
        env=environment(),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert refused.returncode == 2


def test_unwritable_help_prints_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("--help"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "trio-chat: cannot write to stdout: No space left on device\n"

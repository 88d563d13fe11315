"""A server whose stdout or stderr accepts nothing continues, and ends in order."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
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
    """A server whose output goes nowhere."""

    def __init__(self, port: int, program: list[str], **output: Any) -> None:  # noqa: ANN401 - as Popen
        self.address = "127.0.0.1", port
        self.process = subprocess.Popen(program, env=environment(), **output)

    def is_there(self) -> bool:
        """Whether it answers."""
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def get(self, path: bytes) -> str:
        """Return the body of a page."""
        with RawConnection(self.address) as connection:
            connection.push(plain_head(path))
            return connection.read_response().body.decode()

    def dropped(self) -> float:
        """Return the number of lines that were dropped."""
        return float(
            self.get(b"/metrics").split("\ntrio_chat_log_lines_dropped_total ")[1].split()[0]
        )

    def assert_chats(self) -> None:
        """Assert that two members can talk."""
        host, port = self.address
        ann, bob = (Chatter(f"ws://{host}:{port}/ws", name) for name in ("ann", "bob"))
        ann.fence("hello")
        bob.leave()
        ann.leave()


@contextmanager
def mute(*flags: str, shell: str = "", **output: Any) -> Iterator[Mute]:  # noqa: ANN401 - as Popen
    """Run one, and assert that it ends with 0 on SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = command("--port", str(port), "--log-format", "json", *flags)
    program = ["sh", "-c", f'{shell}"$@"', "sh", *words] if shell else words
    server = Mute(port, program, **output)
    try:
        eventually(server.is_there, "it listens", START_SECONDS)
        yield server
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0
    finally:
        server.process.kill()
        server.process.wait()


def full_disk() -> tuple[int, int]:
    """Return a file that cannot be written."""
    return os.open("/dev/full", os.O_WRONLY), os.open("/dev/null", os.O_RDONLY)


def pipe() -> tuple[int, int]:
    """Return a pipe, its writing end first."""
    reading, writing = os.pipe()
    return writing, reading


def terminal() -> tuple[int, int]:
    """Return a terminal, its inner end first."""
    ours, theirs = os.openpty()
    return theirs, ours


@pytest.mark.parametrize("make", [full_disk, pipe, terminal])
def test_the_server_runs_without_a_place_for_its_lines_and_counts_them(
    make: Callable[[], tuple[int, int]],
) -> None:
    writing, reading = make()
    with mute(stdout=writing, stderr=writing, start_new_session=True) as server:
        os.close(writing)
        os.close(reading)  # the reader of a pipe ends, the terminal is closed
        server.assert_chats()
        eventually(lambda: server.dropped() > 0, "lost lines are counted")


def test_with_closed_streams_the_server_runs_and_no_socket_replaces_them() -> None:
    with mute(shell=CLOSED) as server:
        server.assert_chats()
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        assert {(descriptors / str(number)).readlink() for number in (1, 2)} == {Path(os.devnull)}


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

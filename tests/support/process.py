"""The server as a process, forked from one that has imported it.

Python and the imports take 0.8 s of processor time, several times as long as the server's own
start, and the tests start hundreds of servers.
"""

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock
from typing import IO

TRIO_CHAT = ("-m", "trio_chat")
"""What Python runs."""

_FORKS = multiprocessing.get_context("forkserver")
PRELOADED = ("trio_chat.cli.commands", "trio_chat.server", "trio_chat.store.sql.opened")
_FORKS.set_forkserver_preload(list(PRELOADED))
_LOCK = Lock()
"""Held while a process starts or its exit status is read: multiprocessing does both by looking at
all processes, which must not happen in two threads at once."""


class ForkedServer:
    """A running server, with the interface of `subprocess.Popen`.

    Its standard error is appended to a file. It calls ``prepare``, a function of a module, before
    it serves.
    """

    def __init__(
        self,
        settings: Sequence[str],
        environment: Mapping[str, str],
        stderr: Path,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        reading, writing = _FORKS.Pipe(duplex=False)
        self.stdout: IO[str] = os.fdopen(os.dup(reading.fileno()), encoding="utf-8")
        reading.close()
        arguments = (tuple(settings), dict(environment), writing, stderr, prepare)
        self._process = _FORKS.Process(target=_serve, args=arguments, daemon=True)
        with _LOCK:
            self._process.start()
        writing.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        with _LOCK:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit status.

        Raises:
            subprocess.TimeoutExpired: It still runs after this many seconds.
        """
        wait([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("trio-chat", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


ServerProcess = ForkedServer | subprocess.Popen[str]


def command(*settings: str, program: Iterable[str] = TRIO_CHAT) -> list[str]:
    """Return the command line that starts a server from nothing with these settings."""
    return [sys.executable, *program, *settings]


def start_process(
    settings: Sequence[str],
    environment: Mapping[str, str],
    *,
    program: Iterable[str],
    stderr: Path,
    prepare: Callable[[], None] | None = None,
) -> ServerProcess:
    """Fork the server, or start another program of Python, which ignores `prepare`."""
    if tuple(program) == TRIO_CHAT:
        return ForkedServer(settings, environment, stderr, prepare)
    with stderr.open("ab") as error:
        return subprocess.Popen(
            command(*settings, program=program),
            stdout=subprocess.PIPE,
            stderr=error,
            text=True,
            env=environment,
        )


def _serve(
    settings: tuple[str, ...],
    environment: Mapping[str, str],
    stdout: Connection,
    stderr: Path,
    prepare: Callable[[], None] | None,
) -> None:
    """Be the server, until it ends or the process of the tests does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    # The sentinel is a pipe. Its end sends SIGIO, which by default ends a process.
    sentinel = int(parent.sentinel)
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETFL, os.O_ASYNC)
    os.dup2(stdout.fileno(), sys.stdout.fileno())
    stdout.close()
    with stderr.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    from trio_chat.cli.app import main  # noqa: PLC0415 - the tests themselves need not import it

    if prepare is not None:
        prepare()
    sys.exit(main(settings))

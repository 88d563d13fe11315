"""A server process whose output and open files tests can inspect."""

import json
import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from tests.support.process import TRIO_CHAT, start_process
from tests.support.raw import Address, SecureAddress
from tests.support.waiting import PATIENCE_SECONDS, eventually

START_SECONDS = 40.0
"""How long a start may take: up to two seconds of processor time, beside three other tests."""

_NO_LIMITS = {"TRIO_CHAT_NOTICE_RATE": "0", "TRIO_CHAT_NEW_ROOM_RATE": "0"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without settings of the server.

    Ours are: history is in memory, unless a test wants it elsewhere (by default it would be in a
    file of the working directory, which no two servers can share), and no limits of what all users
    of an address announce, as all tests come from one.
    """
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TRIO_CHAT_")}
    return {**ours, "TRIO_CHAT_STORE": "memory:", **_NO_LIMITS, **(extra or {})}


class ChatServer:
    """A running server on 127.0.0.1.

    Args:
        settings: Flags for the command line.
        extra: Variables for its environment.
        program: Arguments to Python; a program that stands in for the server.
        port: Where it listens; 0 selects a free port.

    Raises:
        AssertionError: It did not come up.
    """

    def __init__(
        self,
        *settings: str,
        extra: Mapping[str, str] | None = None,
        program: Iterable[str] = TRIO_CHAT,
        port: int = 0,
    ) -> None:
        flags = ("--port", str(port), "--log-format", "json", *settings)
        self.process = start_process(flags, environment(extra), program=program)
        # The pool keeps connections that, for example, pruning opened.
        self._has_pool = any(setting.startswith("postgresql:") for setting in settings)
        self.log_lines: list[str] = []
        self.over = False
        self._stdout: SimpleQueue[str] = SimpleQueue()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            self._start_reader(self.process.stdout, self._stdout.put),
            self._start_reader(self.process.stderr, self.log_lines.append),
        ]
        try:
            self.address = self._read_address()
        except BaseException:
            self.kill()
            raise
        self.idle_open_files = self.open_files()

    @staticmethod
    def _start_reader(source: IO[str], take: Any) -> threading.Thread:  # noqa: ANN401 - any sink
        def read() -> None:
            for line in source:
                take(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return reader

    def _read_address(self) -> Address:
        try:
            line = self._stdout.get(timeout=START_SECONDS)
        except Empty:
            status = self.process.poll()
            raise AssertionError(
                f"no line on stdout (status {status}); stderr: {''.join(self.log_lines)}"
            ) from None
        found = re.search(r"(https?)://([^:/\s]+):(\d+)", line)
        assert found, f"the first line on stdout has no URL: {line!r}"
        address = found[2], int(found[3])
        return SecureAddress(address) if found[1] == "https" else address

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def url(self, path: str = "/ws") -> str:
        """Return the WebSocket URL of a path."""
        host, port = self.address
        scheme = "wss" if self.is_secure else "ws"
        return f"{scheme}://{host}:{port}{path}"

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return isinstance(self.address, SecureAddress)

    def open_files(self) -> int:
        """Count the file descriptors the process has open, except those of a store.

        Of these there are as many as have been needed at the same time.
        """
        return len(self._open_files())

    def _open_files(self) -> list[str]:
        """Return the names of its open files, except those of a store."""
        names = []
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(descriptor.readlink()))
        return sorted(name for name in names if ".db" not in name)

    def wait_for_open_files(self, at_most: int) -> None:
        """Wait until the server has closed what it opened for its clients."""
        try:
            eventually(lambda: self.open_files() <= at_most, "as few descriptors as before")
        except AssertionError as error:
            error.add_note(f"{at_most} before; now {self._open_files()}")
            raise

    def assert_healthy(self, since: int = 0) -> None:
        """Assert that it runs, and that its log lines from this one on are clean.

        Raises:
            AssertionError: It is not so.
        """
        status = self.process.poll()
        assert status is None, f"the server ended with {status}: {''.join(self.log_lines)}"
        self.assert_clean_log(since)

    def assert_clean_log(self, since: int = 0) -> None:
        """Assert that each log line is a JSON object without a traceback."""
        for line in self.log_lines[since:]:
            assert "Traceback" not in line, f"a traceback in a log line: … {line[-700:]}"
            assert isinstance(json.loads(line), dict), f"not a JSON object: {line}"

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        """Wait for the end of the process and of its output, and return its exit status."""
        self.over = True
        status = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return status

    def stop(self) -> None:
        """End it, and assert that it was healthy and ends without errors.

        Raises:
            AssertionError: It was not.
        """
        self.assert_healthy()
        if not self._has_pool:
            self.wait_for_open_files(self.idle_open_files)
        self.signal(signal.SIGTERM)
        assert self.wait() == 0
        self.assert_clean_log()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def running(
    *settings: str,
    extra: Mapping[str, str] | None = None,
    program: Iterable[str] = TRIO_CHAT,
    port: int = 0,
) -> Iterator[ChatServer]:
    """Run a server in the block; then stop it and assert that it was healthy.

    A body that failed has said why already, and one that waited for the end has seen to it
    itself: then the server is only ended.
    """
    server = ChatServer(*settings, extra=extra, program=program, port=port)
    try:
        yield server
        if not server.over:
            server.stop()
    finally:
        server.kill()

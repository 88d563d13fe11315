"""A server process that tests can inspect, end, and start again on its port."""

import json
import os
import re
import selectors
import signal
import subprocess
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

from tests.support.process import TRIO_CHAT, ServerProcess, start_process
from tests.support.raw import Address, SecureAddress
from tests.support.waiting import eventually

START_SECONDS = 40.0
"""How long a start or an end may take: up to two seconds of processor time, beside three other
tests. The server itself waits 10 s for its clients."""

_NO_LIMITS = {"TRIO_CHAT_NOTICE_RATE": "0", "TRIO_CHAT_NEW_ROOM_RATE": "0"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server without the settings of the machine.

    History is in memory, because two servers cannot share the default file. No limit counts the
    users of one address, because all tests have the same.
    """
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TRIO_CHAT_")}
    return {**ours, "TRIO_CHAT_STORE": "memory:", **_NO_LIMITS, **(extra or {})}


class ChatServer:
    """A server on 127.0.0.1. Leaving a ``with`` stops it and asserts that it was healthy.

    A test that ends the server itself, or fails, leaves nothing to assert.

    Args:
        settings: Flags of the command line.
        extra: Variables of its environment.
        program: The arguments of Python.
        port: Where it listens. 0 lets the kernel choose; a server that starts again keeps its port
            only if it comes from `free_port`.
        stderr: The file that receives its standard error; by default a temporary one.
        prepare: As for `ForkedServer`.
    """

    address: Address

    def __init__(
        self,
        *settings: str,
        extra: Mapping[str, str] | None = None,
        program: Iterable[str] = TRIO_CHAT,
        port: int = 0,
        stderr: Path | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.port = port
        self._settings = settings
        self._environment = environment(extra)
        self._program = tuple(program)
        self._prepare = prepare
        temporary = NamedTemporaryFile(prefix="trio-chat-stderr-")  # noqa: SIM115 - closed below
        weakref.finalize(self, temporary.close)
        self.stderr = stderr or Path(temporary.name)
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._process is not None:
                self.stop()
        finally:
            self.kill()

    def start(self) -> None:
        """Start it and wait for its URL; fail if it prints none."""
        flags = ("--port", str(self.port), "--log-format", "json", *self._settings)
        self._process = start_process(
            flags,
            self._environment,
            program=self._program,
            stderr=self.stderr,
            prepare=self._prepare,
        )
        assert self._process.stdout is not None
        with self._process.stdout as stdout, selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            line = stdout.readline() if selector.select(START_SECONDS) else ""
        found = re.search(r"(https?)://([^:/\s]+):(\d+)", line)
        if found is None:
            status = self._process.poll()
            self.kill()
            text = self.stderr.read_text(errors="replace")
            raise AssertionError(f"no URL in {line!r} (status {status}); stderr: {text[-2000:]}")
        address = found[2], int(found[3])
        self.address = SecureAddress(address) if found[1] == "https" else address
        self.port = self.address[1]
        self.idle_open_files = self.open_files()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended although the test did not end it."""
        return self._process is not None and self._process.poll() is not None

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash."""
        host, port = self.address
        return f"http{'s' * isinstance(self.address, SecureAddress)}://{host}:{port}"

    def page(self, path: str) -> str:
        return self.origin + path

    def url(self, path: str = "/ws") -> str:
        return self.origin.replace("http", "ws", 1) + path

    @property
    def log_lines(self) -> list[str]:
        """All whole lines of its standard error."""
        return self.stderr.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]

    def open_files(self) -> int:
        """Count its open file descriptors, except those of a store, whose number varies."""
        return len(self._open_files())

    def _open_files(self) -> list[str]:
        names = []
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(descriptor.readlink()))
        return sorted(name for name in names if ".db" not in name)

    def wait_for_open_files(self, at_most: int) -> None:
        """Wait until the server has closed the files that it opened for its clients."""
        try:
            eventually(lambda: self.open_files() <= at_most, "as few descriptors as before")
        except AssertionError as error:
            error.add_note(f"{at_most} before; now {self._open_files()}")
            raise

    def assert_healthy(self, since: int = 0) -> None:
        """Assert that it runs, and that its log lines from this one on are clean."""
        assert not self.has_ended, f"the server ended by itself: {self.log_lines}"
        self.assert_clean_log(since)

    def assert_clean_log(self, since: int = 0) -> None:
        """Assert that each log line is a JSON object without a traceback."""
        for line in self.log_lines[since:]:
            assert "Traceback" not in line, f"a traceback in a log line: … {line[-700:]}"
            assert isinstance(json.loads(line), dict), f"not a JSON object: {line}"

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float = START_SECONDS) -> int:
        """Wait for its end and return the exit status; kill it and fail if it still runs."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end within {timeout} s") from None
        self._process = None
        return status

    def end(self) -> int:
        """End it as an operator does, and return its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def stop(self) -> None:
        """End it, and assert that it was healthy, closed its files, and ended without errors."""
        self.assert_healthy()
        # A pool keeps the connections that, for example, pruning opened.
        if not any("postgresql:" in setting for setting in self._settings):
            self.wait_for_open_files(self.idle_open_files)
        assert self.end() == 0
        self.assert_clean_log()

    def kill(self) -> None:
        """End it as a power cut does, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

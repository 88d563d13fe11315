"""A server that can end and start again on its port."""

import re
import select
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import HOST, free_port
from tests.support.process import TRIO_CHAT, ServerProcess, start_process
from tests.support.server import START_SECONDS, environment

END_SECONDS = START_SECONDS
"""How long an end may take. The server itself waits 10 s for its clients."""


class RestartableServer:
    """A server on 127.0.0.1, on a port that no other process gets while it is away.

    Args:
        stderr: The file to which its standard error is appended.
        settings: Flags besides the port.
        program: What Python runs.
        prepare: As for `ForkedServer`.

    Attributes:
        port: Where it listens, each time.
    """

    def __init__(
        self,
        stderr: Path,
        *settings: str,
        program: Iterable[str] = TRIO_CHAT,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.port = free_port()
        self._stderr = stderr
        self._settings = settings
        self._program = tuple(program)
        self._prepare = prepare
        self._scheme = "http"
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, if the test has not."""
        self.end()

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended although the test neither killed nor ended it."""
        return self._process is not None and self._process.poll() is not None

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash."""
        return f"{self._scheme}://{HOST}:{self.port}"

    def url(self, path: str) -> str:
        """Return the URL of a page."""
        return self.origin + path

    @property
    def socket_url(self) -> str:
        """Where a client without a page joins the chat."""
        return f"{self.origin.replace('http', 'ws', 1)}/ws"

    def start(self) -> None:
        """Start it and wait for its URL.

        Raises:
            AssertionError: It printed none.
        """
        self._process = start_process(
            ("--port", str(self.port), *self._settings),
            environment(),
            program=self._program,
            stderr=self._stderr,
            prepare=self._prepare,
        )
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            ready, _, _ = select.select([stdout], [], [], START_SECONDS)
            line = stdout.readline() if ready else ""
        found = re.search(rf"(https?)://{HOST}:{self.port}\b", line)
        if found is None:
            self.kill()
            log = self._stderr.read_text(errors="replace")
            raise AssertionError(f"no URL in {line!r}; stderr: {log[-2000:]}")
        self._scheme = found[1]

    def kill(self) -> None:
        """End it as a power cut does: it tells no client, and writes nothing more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self) -> int:
        """End it as an operator does, and return its exit status; 0 if it does not run.

        Raises:
            AssertionError: It still runs after `END_SECONDS`.
        """
        process, self._process = self._process, None
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end within {END_SECONDS} s") from None

"""The server that a page talks to. It can end and start again on its port."""

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.patience import give_time
from tests.support.ports import free_port
from tests.support.process import ForkedServer
from tests.support.server import environment

END_WITHIN_SECONDS = 15
"""The server's own grace is 10 s; after this it is killed."""


class ChatServer:
    """A server on 127.0.0.1, on a port that no other process gets while it is away.

    Args:
        stderr: The file to which its standard error is appended.
        settings: Further flags.
    """

    def __init__(self, stderr: Path, *settings: str) -> None:
        self._stderr = stderr
        self._settings = settings
        self._port = free_port()
        self._scheme = "http"
        self._process: ForkedServer | None = None

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
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash."""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    def url(self, path: str) -> str:
        """Return the URL of a page."""
        return self.origin + path

    @property
    def socket_url(self) -> str:
        """Where a client without a page joins the chat."""
        return f"{'wss' if self._scheme == 'https' else 'ws'}://127.0.0.1:{self._port}/ws"

    def start(self) -> None:
        """Start it and wait for its URL.

        Raises:
            AssertionError: It ended without one.
        """
        settings = ("--port", str(self._port), *self._settings)
        self._process = ForkedServer(
            settings, environment(), stderr=self._stderr, prepare=give_time
        )
        with self._process.stdout as stdout:
            line = stdout.readline()
        found = re.search(r"(https?)://127\.0\.0\.1:(\d+)", line)
        if found is None:
            self.end()
            raise AssertionError(f"no URL in {line!r}; stderr: {self._stderr.read_text()}")
        self._scheme, self._port = found[1], int(found[2])

    def kill(self) -> None:
        """End it as a power cut does: it tells no client, and writes nothing more."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.wait()

    def end(self) -> None:
        """End it as an operator does, and wait for that.

        Raises:
            AssertionError: It still runs after `END_WITHIN_SECONDS`.
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(END_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end within {END_WITHIN_SECONDS} s") from None

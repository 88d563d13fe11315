"""The real server as a process, which can be ended and started again on its port."""

import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.blackbox.server import environment

END_WITHIN_SECONDS = 15
"""Its own grace is 10 s; after this it is killed."""


class ChatServer:
    """A server on 127.0.0.1, on a free port at the first start and on the same one afterwards.

    Args:
        log: Where its stderr goes, for whoever looks at a failure.
        settings: Further flags.
    """

    def __init__(self, log: Path, *settings: str) -> None:
        self._log = log
        self._settings = settings
        self._port = 0
        self._scheme = "http"
        self._process: subprocess.Popen[str] | None = None

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
        """End it, if a test has not yet."""
        self.end()

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash."""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    def url(self, path: str) -> str:
        """Where a page is."""
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
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trio_chat", "--port", str(self._port), *self._settings],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"(https?)://127\.0\.0\.1:(\d+)", line)
        if found is None:
            self.end()
            raise AssertionError(f"no URL in {line!r}; stderr: {self._log.read_text()}")
        self._scheme, self._port = found[1], int(found[2])

    def kill(self) -> None:
        """End it as a power cut does: it tells nobody, and writes nothing more."""
        process, self._process = self._process, None
        assert process is not None
        with process:
            process.kill()

    def end(self) -> None:
        """End it as an operator does, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes the pipe, and waits
            process.terminate()
            try:
                process.wait(END_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

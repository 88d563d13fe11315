"""The real server as a process, which can be ended and started again on its port."""

import multiprocessing
import os
import re
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tests.blackbox.server import environment
from tests.e2e.forked import PRELOADED, serve
from tests.ports import free_port

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

END_WITHIN_SECONDS = 15
"""Its own grace is 10 s; after this it is killed."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(PRELOADED))


class ChatServer:
    """A server on 127.0.0.1, on a port that nobody gets while it is away.

    Args:
        store: Where its stderr goes, for whoever looks at a failure.
        settings: Further flags.
    """

    def __init__(self, store: Path, *settings: str) -> None:
        self._store = store
        self._settings = settings
        self._port = free_port()
        self._scheme = "http"
        self._process: BaseProcess | None = None

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
    def port(self) -> int:
        """Where it listens."""
        return self._port

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
        listening, said = _FORKS.Pipe(duplex=False)
        settings = ("--port", str(self._port), *self._settings)
        self._process = _FORKS.Process(
            target=serve, args=(settings, environment(), said, str(self._store)), daemon=True
        )
        self._process.start()
        said.close()
        with listening, os.fdopen(os.dup(listening.fileno())) as stdout:
            line = stdout.readline()
        found = re.search(r"(https?)://127\.0\.0\.1:(\d+)", line)
        if found is None:
            self.end()
            raise AssertionError(f"no URL in {line!r}; stderr: {self._store.read_text()}")
        self._scheme, self._port = found[1], int(found[2])

    def kill(self) -> None:
        """End it as a power cut does: it tells nobody, and writes nothing more."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.join()
        process.close()

    def end(self) -> None:
        """End it as an operator does, and wait until it is gone.

        Raises:
            AssertionError: It does not go.
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.join(END_WITHIN_SECONDS)
        has_ended = process.exitcode is not None
        if not has_ended:
            process.kill()
            process.join()
        process.close()
        assert has_ended, f"it did not end within {END_WITHIN_SECONDS} s"

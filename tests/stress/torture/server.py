"""The server as a process that is killed, and started again on its port and its store."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import trio

from tests.support.process import TRIO_CHAT, ServerProcess, start_process
from tests.support.server import START_SECONDS, environment

# The torture is of the store, so no rate limit ends a client.
SETTINGS = (
    "--message-rate=0",
    "--upgrade-rate=0",
    "--frame-rate=0",
    "--max-user-connections=1000",
    "--heartbeat-interval=1",
    "--log-format=json",
)


async def fetch(port: int, path: str) -> tuple[int, str]:
    """GET a page of the server on this port of 127.0.0.1, and give its status and its text.

    Raises:
        OSError: There is no server.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n"
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request.encode())
        head, _, body = b"".join([part async for part in stream]).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


class Victim:
    """The server.

    Args:
        port: Where it listens each time.
        store: Its `--store`.
        stderr: The file that it writes its lines to.
        program: What Python runs.
        settings: More flags.
    """

    def __init__(
        self,
        port: int,
        store: str,
        stderr: Path,
        program: Iterable[str] = TRIO_CHAT,
        settings: Iterable[str] = (),
    ) -> None:
        self.port = port
        self._flags = (f"--port={port}", f"--store={store}", *SETTINGS, *settings)
        self._program = tuple(program)
        self._stderr = stderr
        self._process: ServerProcess | None = None

    async def start(self) -> None:
        """Start it, and wait until it serves.

        Raises:
            AssertionError: It did not come up.
        """
        self._process = start_process(
            self._flags, environment(), program=self._program, stderr=self._stderr
        )
        assert self._process.stdout is not None
        said = ""
        with trio.move_on_after(START_SECONDS), self._process.stdout as stdout:
            said = await trio.to_thread.run_sync(stdout.readline, abandon_on_cancel=True)
        read = partial(self._stderr.read_text, errors="replace")
        assert "http://" in said, f"no URL in {said!r}; stderr: {read()[-2000:]}"

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself: nobody has killed or stopped it."""
        return self._process is not None and self._process.poll() is not None

    async def kill(self) -> None:
        """End it as a power cut does, but for what the kernel has in its hands."""
        if self._process is not None:
            self._process.kill()
            await trio.to_thread.run_sync(self._process.wait)
            self._process = None

    async def stop(self) -> int:
        """End it as an operator does, and give its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = await trio.to_thread.run_sync(self._process.wait, START_SECONDS)
        self._process = None
        return status

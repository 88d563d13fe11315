"""The server that a trial kills and restarts on its port and store."""

from collections.abc import Iterable
from pathlib import Path

import trio

from tests.support.ports import free_port
from tests.support.process import TRIO_CHAT
from tests.support.server import ChatServer

# The torture test is about the store, so no rate limit ends a client.
SETTINGS = (
    "--message-rate=0",
    "--upgrade-rate=0",
    "--frame-rate=0",
    "--max-user-connections=1000",
    "--heartbeat-interval=1",
)


async def fetch(port: int, path: str) -> tuple[int, str]:
    """Return the status and body of a page of the server on this port of 127.0.0.1.

    Raises:
        OSError: No server listens there.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n"
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request.encode())
        head, _, body = b"".join([part async for part in stream]).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


class Victim:
    """The server, for tests in Trio.

    Args:
        store: The value of `--store`.
        stderr: The file that receives its standard error.
        program: The arguments of Python.
        settings: More flags.
    """

    def __init__(
        self,
        store: str,
        stderr: Path,
        program: Iterable[str] = TRIO_CHAT,
        settings: Iterable[str] = (),
    ) -> None:
        flags = (f"--store={store}", *SETTINGS, *settings)
        self._server = ChatServer(*flags, program=program, port=free_port(), stderr=stderr)

    @property
    def port(self) -> int:
        """The port, the same after each restart."""
        return self._server.port

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        return self._server.pid

    @property
    def has_ended(self) -> bool:
        """Whether it ended although the trial neither killed nor stopped it."""
        return self._server.has_ended

    async def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            AssertionError: It does not serve in time.
        """
        await trio.to_thread.run_sync(self._server.start)

    async def kill(self) -> None:
        """Send SIGKILL: like a power cut, but the kernel keeps its buffers."""
        await trio.to_thread.run_sync(self._server.kill)

    async def stop(self) -> int:
        """Stop it with SIGTERM, and return its exit status."""
        return await trio.to_thread.run_sync(self._server.end)

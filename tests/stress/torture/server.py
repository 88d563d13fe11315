"""The server that a trial kills and starts again on its port and its store."""

from collections.abc import Iterable
from pathlib import Path

import trio

from tests.support.process import TRIO_CHAT
from tests.support.restartable import RestartableServer

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
    """Return the status and the text of a page of the server on this port of 127.0.0.1.

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
        store: Its `--store`.
        stderr: The file to which its standard error is appended.
        program: What Python runs.
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
        self._server = RestartableServer(stderr, *flags, program=program)

    @property
    def port(self) -> int:
        """Where it listens, each time."""
        return self._server.port

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        return self._server.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended although the trial neither killed nor stopped it."""
        return self._server.has_ended

    async def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            AssertionError: It did not.
        """
        await trio.to_thread.run_sync(self._server.start)

    async def kill(self) -> None:
        """End it as a power cut does, except that the kernel keeps what it has."""
        await trio.to_thread.run_sync(self._server.kill)

    async def stop(self) -> int:
        """End it as an operator does, and return its exit status."""
        return await trio.to_thread.run_sync(self._server.end)

"""A private Redis or Valkey server on a free port, which ends with the tests."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define

from tests.support.daemon import Daemon, find_program
from tests.support.ports import HOST, free_port
from tests.support.waiting import PATIENCE_SECONDS, eventually


def _program(kind: str) -> str:
    return find_program(f"redis-{kind}", f"valkey-{kind}", package="redis-server")


@define(eq=False)
class Redis(Daemon):
    """A Redis server without persistence, which is empty after each start.

    ``options`` are more options for the next start, e.g. ``--requirepass hush``.
    """

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    password: str = ""

    @property
    def url(self) -> str:
        """Its address, as ``--backplane`` takes it."""
        return f"redis://{HOST}:{self.port}"

    def run(self, *words: str) -> str:
        """Run one command, and return the reply as ``redis-cli`` prints it."""
        command = (_program("cli"), "-e", "-h", HOST, "-p", str(self.port), *words)
        password = {"REDISCLI_AUTH": self.password} if self.password else {}
        done = subprocess.run(
            command,
            env={**os.environ, **password},
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        return done.stdout.decode().rstrip("\n")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            *("--bind", HOST, "--port", str(self.port), "--dir", str(self.folder)),
            *("--pidfile", str(self._pid_file), "--save", "", "--appendonly", "no"),
        )
        command = (_program("server"), *options, *self.options)
        self.run_process(command, self.folder / "log", folder=self.folder)
        eventually(self.answers, "Redis answers")

    def answers(self) -> bool:
        """Return whether it accepts a connection and replies, if only with an error."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as stream:
                stream.sendall(b"PING\r\n")
                return stream.recv(1) in {b"+", b"-"}
        except OSError:
            return False

    def kill(self) -> None:
        """Stop it with SIGKILL, so that it closes nothing itself."""
        if self.is_running:
            os.kill(self.pid, signal.SIGKILL)
            self.stop()
            self._pid_file.unlink()

    def pause(self) -> None:
        """Stop its processes: connections stay open and new ones open, but get no reply."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Pause it for the duration of the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int(self._pid_file.read_text())


@contextmanager
def running(*options: str, password: str = "") -> Iterator[Redis]:
    """Run one in the block; then stop it and remove its files."""
    with TemporaryDirectory(prefix="trio-chat-redis-") as folder:
        redis = Redis(Path(folder), free_port(), options, password)
        try:
            redis.start()
            yield redis
        finally:
            redis.stop()

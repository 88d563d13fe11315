"""A Redis of the tests' own: a private server on a free port, gone when they are. Or a Valkey."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define, field

from tests.support.daemon import Daemon
from tests.support.ports import HOST, free_port
from tests.support.waiting import PATIENCE_SECONDS, eventually

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin"])


def _program(kind: str) -> str:
    for family in ("redis", "valkey"):
        found = shutil.which(f"{family}-{kind}", path=_PATH)
        if found is not None:
            return found
    raise AssertionError(f"there is no redis-{kind}; on Debian: apt-get install redis-server")


@define(eq=False)
class Redis:
    """A Redis server that keeps nothing.

    Attributes:
        folder: Where its files are.
        port: Where it listens.
        options: More of its options, e.g. ``--requirepass hush``; in force from the next start on.
        password: What `run` says to be let in; empty if nothing need be said.
    """

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    password: str = ""
    _daemon: Daemon = field(factory=Daemon, init=False)

    @property
    def url(self) -> str:
        """Where it is, as ``--backplane`` has it."""
        return f"redis://{HOST}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and not been stopped since."""
        return self._daemon.is_running

    def run(self, *words: str) -> str:
        """Run one command, and give what it answers with, as ``redis-cli`` writes it."""
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
        self._daemon.start(command, self.folder / "log", folder=self.folder)
        eventually(self.answers, "Redis answers")

    def answers(self) -> bool:
        """Whether it can be connected to, and says anything: that it wants a password will do."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as stream:
                stream.sendall(b"PING\r\n")
                return stream.recv(1) in {b"+", b"-"}
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it; connections are cut. Nothing happens if it has stopped."""
        self._daemon.stop()

    def kill(self) -> None:
        """Stop it with SIGKILL: it has no time to say anything to anybody."""
        if self._daemon.is_running:
            os.kill(self.pid, signal.SIGKILL)
            self.stop()
            self._pid_file.unlink()

    def restart(self) -> None:
        """Stop it and start it again, on the same port, empty."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it stand still: connections stay, new ones are made, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it stand still for as long as the block lasts."""
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
        """Of the server."""
        return int(self._pid_file.read_text())


@contextmanager
def running(*options: str, password: str = "") -> Iterator[Redis]:
    """Start one; leaving stops it, whatever has become of it, and takes its files away.

    Args:
        options: As of `Redis`.
        password: As of `Redis`.
    """
    with TemporaryDirectory(prefix="trio-chat-redis-") as folder:
        redis = Redis(Path(folder), free_port(), options, password)
        try:
            redis.start()
            yield redis
        finally:
            redis.stop()

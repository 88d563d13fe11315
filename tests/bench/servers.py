"""The servers that are measured: how each is built, started and ended."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import logs
from tests.bench.joining import Address
from tests.bench.process import cpu_seconds, resident_kib

START_SECONDS = 20.0
"""Far more than any of these needs to listen, also on a busy machine."""

BUILD_SECONDS = 180.0
"""The first build in Go compiles its standard library, too."""

URL = re.compile(r"(\d+\.\d+\.\d+\.\d+):(\d+)")

DEBIAN_GOPATH = "/usr/share/gocode"
"""Where Debian's golang-…-dev packages put their sources."""

REPOSITORY = Path(__file__).resolve().parents[2]


class ServerError(Exception):
    """A server did not start."""


class NotHereError(Exception):
    """A server cannot be measured on this machine; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that can be measured.

    Attributes:
        name: What `--servers` calls it.
        label: What the table calls it.
        command: Makes its command line, given a folder for what has to be built; raises
            `NotHereError`.
        echoes: Whether `/ws/echo` sends back what it gets.
        measures: The names of the measures it takes part in.
        store: Makes the store of its logs, given a folder and what ends with the run; None if it
            has no log. Raises `NotHereError`.
    """

    name: str
    label: str
    command: Callable[[Path], list[str]]
    echoes: bool = False
    measures: frozenset[str] = frozenset({"ROOM1000", "ROOM10", "ROUNDTRIP"})
    store: Callable[[Path, ExitStack], logs.Store] | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A started server.

    Attributes:
        beside: Another process that works for it; None if there is none.
    """

    pid: int
    address: Address
    beside: int | None = None

    def cpu_seconds(self) -> float:
        """Processor time so far, children and threads included, and the database's too."""
        beside = 0.0 if self.beside is None else cpu_seconds(self.beside)
        return cpu_seconds(self.pid) + beside

    def resident_kib(self) -> int:
        """Memory in RAM, children included."""
        return resident_kib(self.pid)


@dataclass(frozen=True, slots=True)
class Ready:
    """A server that can be started, any number of times.

    Attributes:
        command: Its command line, but for the log.
        store: Where its logs are; None if it has none.
    """

    command: list[str]
    store: logs.Store | None = None

    def fresh(self) -> AbstractContextManager[Running]:
        """Start it with an empty log."""
        return self._running(None if self.store is None else self.store.fresh())

    def with_long_log(self) -> AbstractContextManager[Running]:
        """Start it with a log that is long."""
        assert self.store is not None
        return self._running(self.store.long())

    def _running(self, log: str | None) -> AbstractContextManager[Running]:
        if self.store is None or log is None:
            return running(self.command)
        return running([*self.command, "--log", log], self.store.pid)


def _trio_chat(_folder: Path) -> list[str]:
    off = ("message", "upgrade", "frame", "notice", "new-room")
    rates = [part for rate in off for part in (f"--{rate}-rate", "0")]
    return [sys.executable, "-m", "trio_chat", "--port", "0", *rates]


def _trio_chat_normal(folder: Path) -> list[str]:
    return [*_trio_chat(folder), "--log-sync", "normal"]


def _sqlite(folder: Path, _stack: ExitStack) -> logs.Store:
    return logs.sqlite(Path(tempfile.mkdtemp(dir=folder)))


def _postgresql(_folder: Path, stack: ExitStack) -> logs.Store:
    try:
        return logs.postgresql(stack)
    except AssertionError as error:
        raise NotHereError(str(error)) from error


def _python_peer(name: str) -> Callable[[Path], list[str]]:
    return lambda _folder: [sys.executable, "-m", f"tests.bench.peers.{name}"]


def _go(folder: Path) -> list[str]:
    go = shutil.which("go")
    if go is None:
        raise NotHereError("no `go` here")
    gopath = f"{DEBIAN_GOPATH}:{folder / 'gopath'}"
    environ = os.environ | {"GO111MODULE": "off", "GOPATH": gopath, "GOFLAGS": "", "GOPROXY": "off"}
    source = Path(__file__).parent / "peers" / "go" / "main.go"
    program = folder / "go-gorilla"

    def run(*arguments: str) -> bool:
        command = [go, *arguments]
        done = subprocess.run(
            command, env=environ, capture_output=True, check=False, timeout=BUILD_SECONDS
        )
        return done.returncode == 0

    if not run("list", "github.com/gorilla/websocket"):
        raise NotHereError("no gorilla here (Debian: golang-github-gorilla-websocket-dev)")
    if not run("build", "-o", str(program), str(source)):
        raise NotHereError("`go build` failed")
    return [str(program)]


SERVERS = {
    server.name: server
    for server in (
        Server(
            "trio_chat",
            "trio_chat",
            _trio_chat,
            echoes=True,
            measures=frozenset({"ROOM1000", "ROOM10", "ROUNDTRIP", "MEMORY", "ACKS"}),
            store=lambda _folder, _stack: logs.Memory(),
        ),
        Server(
            "sqlite",
            "trio_chat, SQLite",
            _trio_chat,
            measures=frozenset({"ROOM1000", "ACKS", "ARCHIVE"}),
            store=_sqlite,
        ),
        Server(
            "sqlite_normal",
            "trio_chat, SQLite normal",
            _trio_chat_normal,
            measures=frozenset({"ACKS"}),
            store=_sqlite,
        ),
        Server(
            "postgresql",
            "trio_chat, PostgreSQL",
            _trio_chat,
            measures=frozenset({"ACKS", "ARCHIVE"}),
            store=_postgresql,
        ),
        Server("floor", "Python epoll floor", _python_peer("floor")),
        Server(
            "go",
            "Go, gorilla",
            _go,
            echoes=True,
            measures=frozenset({"ROOM1000", "ROOM10", "ROUNDTRIP", "MEMORY"}),
        ),
        Server("picows", "picows, uvloop", _python_peer("picows_uvloop"), echoes=True),
        Server("websockets", "websockets, uvloop", _python_peer("websockets_uvloop")),
        Server("plain_trio", "plain trio-websocket", _python_peer("plain_trio")),
    )
}


@contextlib.contextmanager
def running(command: list[str], beside: int | None = None) -> Iterator[Running]:
    """Start a server, and end it with everything it started.

    What it prints goes to a file, so that it never waits for us; the first address in there is
    where it listens.

    Args:
        command: The command line.
        beside: A process that works for it, and is not ended with it.

    Raises:
        ServerError: It ended, or printed no address within `START_SECONDS`.
    """
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
        ) as process,
    ):
        try:
            host, port = _listening(process, output.fileno())
            yield Running(process.pid, Address(host, port), beside)
        finally:
            process.kill()


def _listening(process: subprocess.Popen[bytes], output: int) -> tuple[str, int]:
    end = time.monotonic() + START_SECONDS
    while True:
        printed = os.pread(output, 65536, 0).decode(errors="replace")
        if found := URL.search(printed):
            return found[1], int(found[2])
        if process.poll() is not None or time.monotonic() > end:
            raise ServerError(f"the server does not listen: {printed[-500:]}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)

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
from dataclasses import dataclass
from pathlib import Path

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
        sized: Whether memory and join rate are measured, which takes thousands of clients.
    """

    name: str
    label: str
    command: Callable[[Path], list[str]]
    echoes: bool = False
    sized: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A started server."""

    pid: int
    address: Address

    def cpu_seconds(self) -> float:
        """Processor time so far, children and threads included."""
        return cpu_seconds(self.pid)

    def resident_kib(self) -> int:
        """Memory in RAM, children included."""
        return resident_kib(self.pid)


def _trio_chat(_folder: Path) -> list[str]:
    rates = ("--message-rate", "0", "--upgrade-rate", "0", "--frame-rate", "0")
    return [sys.executable, "-m", "trio_chat", "--port", "0", "--log", "memory:", *rates]


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
        Server("trio_chat", "trio_chat", _trio_chat, echoes=True, sized=True),
        Server("floor", "Python epoll floor", _python_peer("floor")),
        Server("go", "Go, gorilla", _go, echoes=True, sized=True),
        Server("picows", "picows, uvloop", _python_peer("picows_uvloop"), echoes=True),
        Server("websockets", "websockets, uvloop", _python_peer("websockets_uvloop")),
        Server("plain_trio", "plain trio-websocket", _python_peer("plain_trio")),
    )
}


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[Running]:
    """Start a server, and end it with everything it started.

    What it prints goes to a file, so that it never waits for us; the first address in there is
    where it listens.

    Args:
        command: The command line.

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
            yield Running(process.pid, Address(host, port))
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

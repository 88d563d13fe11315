"""The chat servers that are measured: how each is built, and what it takes part in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import stores
from tests.bench.joining import Address
from tests.bench.starting import NotHereError, Ready, Scratch

BUILD_SECONDS = 180.0
"""The first build in Go compiles its standard library, too."""

DEBIAN_GOPATH = "/usr/share/gocode"
"""Where Debian's golang-…-dev packages put their sources."""

BEFORE = "_before"
"""Ends the name of a server that runs from the older checkout."""


@dataclass(frozen=True, slots=True)
class Server:
    """A chat server.

    Attributes:
        name: What `--servers` calls it.
        label: What the table calls it.
        command: Makes its command line; raises `NotHereError`.
        echoes: Whether `/ws/echo` sends back what it gets.
        measures: The names of the measures it takes part in.
        store: Makes the store of its logs; None if it has no store. Raises `NotHereError`.
        has_tls: Whether clients connect by TLS.
        coalesces: Whether it puts several messages into one, and that into several frames.
    """

    name: str
    label: str
    command: Callable[[Scratch], list[str]]
    echoes: bool = False
    measures: frozenset[str] = frozenset({"ROOM1000", "ROOM10", "ROUNDTRIP"})
    store: Callable[[Scratch], stores.Store] | None = None
    has_tls: bool = False
    coalesces: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is trio_chat; only that has logs."""
        return self.store is not None

    def ready(self, scratch: Scratch, older: Path | None = None) -> Ready:
        """Prepare it.

        Args:
            scratch: Of this run.
            older: Another checkout of trio_chat that it runs from.

        Raises:
            NotHereError: Something it needs is missing.
        """
        store = self.store(scratch) if self.store is not None else None
        address = Address("", 0, has_tls=self.has_tls, coalesces=self.coalesces)
        ready = Ready(self.command(scratch), store, address)
        if older is None:
            return ready
        return replace(ready, command=known_flags(ready.command, older), folder=older)


def known_flags(command: list[str], older: Path) -> list[str]:
    """Leave out of a command line the flags that an older checkout does not know.

    Args:
        command: Python, ``-m``, ``trio_chat``, and pairs of a flag and its value.
        older: The checkout.

    Raises:
        NotHereError: It does not run.
    """
    asked = [*command[:3], "--help"]
    done = subprocess.run(asked, cwd=older, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHereError(f"{older} does not run: {done.stderr[-200:]}")
    known = set(done.stdout.split())
    pairs = zip(command[3::2], command[4::2], strict=True)
    return command[:3] + [part for pair in pairs if pair[0] in known for part in pair]


def _trio_chat(_scratch: Scratch) -> list[str]:
    off = ("message", "upgrade", "frame", "notice", "new-room")
    rates = [part for rate in off for part in (f"--{rate}-rate", "0")]
    return [sys.executable, "-m", "trio_chat", "--port", "0", *rates]


def _normal(scratch: Scratch) -> list[str]:
    return [*_trio_chat(scratch), "--store-sync", "normal"]


def _tls(scratch: Scratch) -> list[str]:
    return [*_trio_chat(scratch), *scratch.certificate.settings]


def _memory(_scratch: Scratch) -> stores.Store:
    return stores.Memory()


def _sqlite(scratch: Scratch) -> stores.Store:
    return stores.sqlite(scratch.new_folder())


def _postgresql(scratch: Scratch) -> stores.Store:
    return stores.postgresql(scratch.cluster)


def _python_peer(name: str) -> Callable[[Scratch], list[str]]:
    return lambda _scratch: [sys.executable, "-m", f"tests.bench.peers.{name}"]


def _go(scratch: Scratch) -> list[str]:
    go = shutil.which("go")
    if go is None:
        raise NotHereError("no `go` here (Debian: golang-go)")
    gopath = f"{DEBIAN_GOPATH}:{scratch.folder / 'gopath'}"
    environ = os.environ | {"GO111MODULE": "off", "GOPATH": gopath, "GOFLAGS": "", "GOPROXY": "off"}
    source = Path(__file__).parent / "peers" / "go" / "main.go"
    program = scratch.folder / "go-gorilla"

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
            "trio_chat, memory",
            _trio_chat,
            echoes=True,
            measures=frozenset(
                {
                    *("ROOM1000", "ROOM200", "ROOM10", "ROUNDTRIP"),
                    *("MEMORY", "CONNECT", "JOIN", "ACKS"),
                }
            ),
            store=_memory,
        ),
        Server(
            "sqlite",
            "trio_chat, SQLite",
            _trio_chat,
            measures=frozenset({"ROOM1000", "ROUNDTRIP", "JOIN", "ACKS", "ARCHIVE"}),
            store=_sqlite,
        ),
        Server(
            "sqlite_normal",
            "trio_chat, SQLite normal",
            _normal,
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
        Server(
            "tls",
            "trio_chat, memory, TLS",
            _tls,
            measures=frozenset({"ROOM200", "ROOM10", "CONNECT"}),
            store=_memory,
            has_tls=True,
        ),
        Server("floor", "Python epoll floor", _python_peer("floor")),
        Server(
            "go",
            "Go, gorilla",
            _go,
            echoes=True,
            measures=frozenset({"ROOM1000", "ROOM10", "ROUNDTRIP", "MEMORY"}),
            coalesces=True,
        ),
        Server("picows", "picows, uvloop", _python_peer("picows_uvloop"), echoes=True),
        Server("websockets", "websockets, uvloop", _python_peer("websockets_uvloop")),
        Server("plain_trio", "plain trio-websocket", _python_peer("plain_trio")),
    )
}

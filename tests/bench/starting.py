"""Starts, watches and ends servers."""

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tests.bench import stores
from tests.bench.figures import Results, Timing
from tests.bench.joining import Address
from tests.bench.process import cpu_seconds, resident_kib
from tests.support import postgres
from tests.support.certificates import CertificateFiles, certificate_files

START_SECONDS = 60.0
"""Far more than any of these needs to listen, also on a busy machine."""

URL = re.compile(r"(\d+\.\d+\.\d+\.\d+):(\d+)")

REPOSITORY = Path(__file__).resolve().parents[2]


class ServerError(Exception):
    """A server did not start, or ended too early."""


class NotHereError(Exception):
    """This machine lacks something for a measure; the text names it."""


@dataclass
class Scratch:
    """The resources shared by all servers of a run, which removes them at the end.

    Attributes:
        folder: The folder for files.
        stack: Ends with the run.
    """

    folder: Path
    stack: ExitStack

    def new_folder(self) -> Path:
        """Make a folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    @cached_property
    def cluster(self) -> postgres.Cluster:
        """A PostgreSQL, one for all.

        Raises:
            NotHereError: There is no PostgreSQL.
        """
        try:
            return self.stack.enter_context(postgres.running())
        except AssertionError as error:
            raise NotHereError(str(error)) from error

    @cached_property
    def certificate(self) -> CertificateFiles:
        """An ECDSA certificate for 127.0.0.1."""
        return certificate_files(self.folder)


@dataclass(frozen=True, slots=True)
class Probe:
    """A measurement of its own, without the load of a chat server.

    Attributes:
        name: What `--servers` calls it.
        label: What the table calls it.
        measures: The names of the measures it takes part in.
        prepare: Makes it ready, and returns what measures it once; raises `NotHereError`.
        is_ours: Whether it measures trio_chat, of the checkout that `prepare` is given.
    """

    name: str
    label: str
    measures: frozenset[str]
    prepare: Callable[[Scratch, Path], Callable[[Timing], Results]]
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A started server.

    Attributes:
        beside: Another process that works for it; None if it works alone.
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
        command: Its command line, but for the store.
        store: Its store; None without one.
        address: What a client must know besides host and port.
        folder: Where it runs.
    """

    command: list[str]
    store: stores.Store | None = None
    address: Address = field(default_factory=lambda: Address("", 0))
    folder: Path = REPOSITORY

    def fresh(self) -> AbstractContextManager[Running]:
        """Start it with an empty store."""
        return self._running(None if self.store is None else self.store.fresh())

    def with_long_store(self) -> AbstractContextManager[Running]:
        """Start it with a long store."""
        assert self.store is not None
        return self._running(self.store.long())

    @contextlib.contextmanager
    def _running(self, store: str | None) -> Iterator[Running]:
        with_store = [] if store is None else ["--store", store]
        beside = None if self.store is None else self.store.pid
        with running([*self.command, *with_store], beside, self.folder) as server:
            at = replace(self.address, host=server.address.host, port=server.address.port)
            yield replace(server, address=at)


@contextlib.contextmanager
def running(
    command: list[str], beside: int | None = None, folder: Path = REPOSITORY
) -> Iterator[Running]:
    """Start a server, and kill it at the end.

    Its output goes to a file, so that it never blocks. The first address in the output is where it
    listens.

    Args:
        command: The command line.
        beside: A process that works for it, and is not ended with it.
        folder: Where it runs.

    Raises:
        ServerError: It ended, or printed no address within `START_SECONDS`.
    """
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder
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

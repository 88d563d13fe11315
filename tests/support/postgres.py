"""A private PostgreSQL server on a free port, which ends with the tests."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from attrs import define, field

from tests.support.daemon import Daemon, find_program
from tests.support.ports import HOST, free_port
from tests.support.waiting import eventually

USER = "chat"


def _program(name: str) -> str:
    # Debian keeps them outside the PATH. Any version will do; take the newest.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: one.parent.name)
    return find_program(name, package="postgresql", folders=folders[::-1])


def other_user() -> str | None:
    """Return the user that runs it, if not this one: PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


@define(eq=False)
class Cluster(Daemon):
    """A PostgreSQL server; the password is that of `USER`, a superuser."""

    folder: Path
    port: int
    password: str
    _emptied: str | None = None
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    @property
    def pid(self) -> int:
        """The process id of the shell above all its processes."""
        assert self._keeper is not None
        return self._keeper.pid

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database}"

    def fresh_url(self) -> str:
        """Create a database and return its URL."""
        name = f"chat{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def emptied_url(self) -> str:
        """Empty a database that only this method uses, and return its URL. A new one is slower."""
        if self._emptied is None:
            self._emptied = self.fresh_url()
        name = self._emptied.rpartition("/")[2]
        self.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        return self._emptied

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement in its own transaction and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            # As bytes, because the type of the argument allows no other computed text.
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def copy(self) -> Path:
        """Copy all its data and return the folder of the copy. It does not run meanwhile."""
        copy = self.folder.with_name(f"copy{next(self._numbers)}")
        self.stop()
        subprocess.run(["cp", "-a", str(self.folder), str(copy)], check=True)
        self.start()
        return copy

    def become(self, copy: Path) -> None:
        """Continue from a copy, as after a failover to a standby that lagged behind."""
        self.stop()
        shutil.rmtree(self.folder)
        copy.rename(self.folder)
        self.start()

    def dump(self, url: str) -> bytes:
        """Make a backup of a database, as an operator does."""
        return self._tool("pg_dump", "--format", "custom", url)

    def dump_as_sql(self, url: str) -> bytes:
        """Return statements that make the same database, for `run`."""
        dump = self._tool("pg_dump", "--inserts", "--no-owner", "--no-privileges", url)
        # Not the commands to psql, which older versions of it do not know.
        return b"".join(
            line for line in dump.splitlines(keepends=True) if not line.startswith(b"\\")
        )

    def restore(self, url: str, dump: bytes) -> None:
        """Replace the contents of a database by a backup."""
        options = ("--clean", "--if-exists", "--single-transaction", "--dbname", url)
        self._tool("pg_restore", *options, given=dump)

    def _tool(self, name: str, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [_program(name), *arguments], input=given, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        options = (
            *(f"-D{self.folder}", f"-p{self.port}", f"-clisten_addresses={HOST}"),
            *("-cunix_socket_directories=", "-cshared_buffers=16MB", "-cmax_connections=50"),
        )
        command = (_program("postgres"), *options)
        log = self.folder.parent / "log"
        self.run_process(command, log, folder=self.folder, user=other_user(), signal="INT")
        eventually(self.answers, "PostgreSQL answers")

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Stop it as a power cut does: it recovers from its write-ahead log at the next start."""
        if self.is_running:
            os.kill(self._pids()[0], signal.SIGQUIT)
            self.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Pause it for the duration of the block: connections stay open but get no reply."""
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        server = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text()
        return [server, *map(int, children.split())]


@contextmanager
def running() -> Iterator[Cluster]:
    """Run one in the block; then stop it and remove its files."""
    with TemporaryDirectory(prefix="trio-chat-postgres-") as folder:
        data = Path(folder) / "data"
        password = secrets.token_urlsafe()
        _make(data, password)
        cluster = Cluster(data, free_port(), password)
        try:
            cluster.start()
            yield cluster
        finally:
            # Its data can be lost now, so take the quick way.
            cluster.kill()


def _make(data: Path, password: str) -> None:
    file = data.with_name("password")
    file.write_text(password)
    other = other_user()
    if other is not None:
        who = pwd.getpwnam(other)
        for path in (data.parent, file):
            os.chown(path, who.pw_uid, who.pw_gid)
    # --no-sync concerns only the files of the new cluster, not its later commits. MD5 is quick:
    # SCRAM takes 10 ms on both sides for each connection.
    command = (
        *(_program("initdb"), f"-D{data}", f"-U{USER}", f"--pwfile={file}"),
        *("--auth=md5", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
    )
    made = subprocess.run(command, user=other, cwd=data.parent, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()

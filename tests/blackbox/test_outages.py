"""Outages of the store under load: clients receive errors, and nothing acknowledged is lost."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import trio

from tests.support.client import Chatter
from tests.support.postgres import Cluster
from tests.support.server import running

from .outage import Ordeal, ordeal
from .test_starting import start_in_vain

MOST_GROWTH_KIB = 10 * 1024
"""More than this is a queue without a bound: what is sent in a flood is twice as much."""


def resident_kib(pid: int) -> int:
    """How much memory a process has."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )
    return int(line.split()[1])


# --- PostgreSQL ----------------------------------------------------------------------------------


async def test_the_chat_survives_a_restart_of_postgresql(cluster: Cluster, tmp_path: Path) -> None:
    async with ordeal(cluster.fresh_url(), tmp_path) as one:
        await trio.to_thread.run_sync(cluster.stop)
        try:
            why = await one.suffer()
        finally:
            await trio.to_thread.run_sync(cluster.start)
        assert why.startswith("the store is unreachable: ")
        assert cluster.password not in why
        await one.recover()


async def flood(one: Ordeal, messages: int) -> None:
    """Send long messages faster than anybody could answer, and take all the answers."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(one.dora.until, "error", ref=f"flood-{messages - 1}"))
        for number in range(messages):
            ref = f"flood-{number}"
            text = f"{number} {'x' * 4000}"
            await one.dora.wire.send(
                {"type": "message", "room": "dev", "message": text, "ref": ref}
            )


async def test_requests_do_not_pile_up_while_postgresql_hangs(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with ordeal(cluster.fresh_url(), tmp_path) as one:
        with cluster.frozen():
            why = await one.suffer()
            before = resident_kib(one.victim.pid)
            await flood(one, messages=5000)
            assert resident_kib(one.victim.pid) - before < MOST_GROWTH_KIB
        # A call did not answer, or a new connection for it was not made: whichever was first.
        assert "answer" in why or "timeout" in why
        await one.recover()


@contextmanager
def no_connection_left(cluster: Cluster, database: str) -> Iterator[None]:
    """Take every connection that PostgreSQL has, those of a database's users first of all."""
    with ExitStack() as taken:
        ours = psycopg.connect(cluster.url(), autocommit=True)
        taken.callback(ours.close)
        name = database.rpartition("/")[2].encode()
        ends = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'"
        is_full = False
        while not is_full:
            ours.execute(ends % name)
            try:
                while True:
                    taken.callback(psycopg.connect(cluster.url()).close)
            except psycopg.OperationalError:
                query = b"SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'" % name
                row = ours.execute(query).fetchone()
                is_full = row == (0,)
        yield


async def test_the_chat_survives_postgresql_without_free_connections(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = cluster.fresh_url()
    async with ordeal(url, tmp_path) as one:
        with no_connection_left(cluster, url):
            why = await one.suffer()
        assert "no connections left" in why
        await one.recover()


def test_a_second_server_on_one_database_is_refused(
    cluster: Cluster,
) -> None:
    url = cluster.fresh_url()
    with running("--store", url) as server:
        line = start_in_vain("--store", url)
        assert "another process has the store" in line
        assert cluster.password not in line
        assert server.process.poll() is None


def test_shutdown_does_not_wait_for_a_hung_store(
    cluster: Cluster,
) -> None:
    with running("--store", cluster.fresh_url()) as server:
        ann = Chatter(server.url(), "ann")
        ann.fence("before")
        with cluster.frozen():
            ann.say("and after?")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert ann.close_code() == 1001


# --- SQLite --------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own with very little room.

    Raises:
        AssertionError: It cannot be mounted: that takes root, and is not to be skipped.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "trio-chat-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"a small tmpfs is needed, and only root can mount: {done.stderr}"
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as filler:
        for size in (65_536, 4096):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


async def test_the_chat_survives_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with ordeal(f"sqlite:{disk}/chat.db", tmp_path) as one:
            filler = disk / "filler"
            await trio.to_thread.run_sync(fill, filler)
            why = await one.suffer()
            assert "full" in why
            filler.unlink()
            await one.recover()


async def test_the_chat_survives_a_foreign_lock_on_the_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with ordeal(f"sqlite:{path}", tmp_path) as one:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            why = await one.suffer()
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert "locked" in why
        await one.recover()

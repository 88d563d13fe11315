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
from tests.support.server import ChatServer

from .outage import Outage, outage_under_load

MOST_GROWTH_KIB = 10 * 1024
"""The flood sends twice as much, so more growth means an unbounded queue."""


def resident_kib(pid: int) -> int:
    """Return the memory of a process in RAM."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )
    return int(line.split()[1])


async def test_the_chat_survives_a_restart_of_postgresql(cluster: Cluster, tmp_path: Path) -> None:
    async with outage_under_load(cluster.fresh_url(), tmp_path) as outage:
        await trio.to_thread.run_sync(cluster.stop)
        try:
            why = await outage.check_outage()
        finally:
            await trio.to_thread.run_sync(cluster.start)
        assert why.startswith("the store is unreachable: ")
        assert cluster.password not in why
        await outage.check_recovery()


async def flood(outage: Outage, messages: int) -> None:
    """Send long messages faster than the server can answer, and read all answers."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(outage.dora.receive_until, "error", ref=f"flood-{messages - 1}"))
        for number in range(messages):
            ref = f"flood-{number}"
            text = f"{number} {'x' * 4000}"
            await outage.dora.wire.send(
                {"type": "message", "room": "dev", "message": text, "ref": ref}
            )


async def test_requests_do_not_pile_up_while_postgresql_hangs(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with outage_under_load(cluster.fresh_url(), tmp_path) as outage:
        with cluster.frozen():
            why = await outage.check_outage()
            before = resident_kib(outage.victim.pid)
            await flood(outage, messages=5000)
            assert resident_kib(outage.victim.pid) - before < MOST_GROWTH_KIB
        # Either a call or a new connection for it timed out.
        assert "answer" in why or "timeout" in why
        await outage.check_recovery()


@contextmanager
def no_connection_left(cluster: Cluster, database: str) -> Iterator[None]:
    """Occupy all connections of PostgreSQL, after ending those to this database."""
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
    async with outage_under_load(url, tmp_path) as outage:
        with no_connection_left(cluster, url):
            why = await outage.check_outage()
        assert "no connections left" in why
        await outage.check_recovery()


def test_shutdown_does_not_wait_for_a_hung_store(cluster: Cluster) -> None:
    with ChatServer("--store", cluster.fresh_url()) as server:
        ann = Chatter(server.url(), "ann")
        ann.fence("before")
        with cluster.frozen():
            ann.say("and after?")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert ann.close_code() == 1001


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB.

    Raises:
        AssertionError: Mounting failed, which needs root. Skipping would hide that.
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
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as filler:
        for size in (65_536, 4096):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


async def test_the_chat_survives_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with outage_under_load(f"sqlite:{disk}/chat.db", tmp_path) as outage:
            filler = disk / "filler"
            await trio.to_thread.run_sync(fill, filler)
            why = await outage.check_outage()
            assert "full" in why
            filler.unlink()
            await outage.check_recovery()


async def test_the_chat_survives_a_foreign_lock_on_the_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    async with outage_under_load(f"sqlite:{path}", tmp_path) as outage:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            why = await outage.check_outage()
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert "locked" in why
        await outage.check_recovery()

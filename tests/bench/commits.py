"""Stores without a chat around them: how many messages they acknowledge, each safe on the disk.

Each sender is alone in a room, and sends its next message when the last is acknowledged, as in the
measure of the chat servers.
"""

import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tests.bench.asking import Language, asked_once, closed_loop
from tests.bench.figures import Figures, Results, Timing, percentile_ms
from tests.bench.frames import TEXT_BYTES, own_room
from tests.bench.joining import Address
from tests.bench.measures import FIFTY, ONE
from tests.bench.process import Neighbours
from tests.bench.starting import (
    REPOSITORY,
    NotHereError,
    Probe,
    Running,
    Scratch,
    ServerError,
    running,
)
from tests.support import redis
from tests.support.ports import HOST

Commit = Callable[[int, Timing], Figures]
"""Measures so many senders."""

TEXT: Final = "." * TEXT_BYTES

LONGEST_SECONDS: Final = 120.0

_TABLE: Final = """
CREATE TABLE events (
    room TEXT NOT NULL, id UUID PRIMARY KEY, username TEXT NOT NULL,
    ts TIMESTAMPTZ NOT NULL DEFAULT now(), text TEXT NOT NULL)
"""
_INSERT: Final = """
INSERT INTO events (room, id, username, text)
VALUES ('room' || :client_id, gen_random_uuid(), 'user' || :client_id, repeat('.', 64));
"""
_TPS: Final = re.compile(r"tps = ([\d.]+)")
_LATENCY: Final = re.compile(r"latency average = ([\d.]+) ms")

_JETSTREAM_CONFIG: Final = """
host: 127.0.0.1
port: -1
jetstream {{ store_dir: "{folder}", {sync} }}
"""
_SYNCED: Final = "sync_interval: always"
_STREAM: Final = {"name": "chat", "subjects": ["rooms.>"], "storage": "file", "num_replicas": 1}


def _bare_sqlite(scratch: Scratch) -> Commit:
    def commit(senders: int, timing: Timing) -> Figures:
        words = [str(scratch.new_folder()), *map(str, (senders, timing.warm_up, timing.window))]
        command = [sys.executable, "-m", "tests.bench.peers.bare_sqlite", *words]
        neighbours = Neighbours(_children_seconds)
        took = json.loads(_output(command))
        return Figures(
            per_second=took["messages"] / took["seconds"],
            cpu_us=took["cpu_seconds"] / took["messages"] * 1e6,
            p50_ms=percentile_ms(took["latencies_us"], 50),
            p99_ms=percentile_ms(took["latencies_us"], 99),
            others_share=neighbours.cores(),
        )

    return commit


def _pgbench(scratch: Scratch) -> Commit:
    program = shutil.which("pgbench")
    if program is None:
        raise NotHereError("no `pgbench` here (Debian: postgresql-contrib)")
    script = scratch.new_folder() / "insert.sql"
    script.write_text(_INSERT, encoding="utf-8")

    def commit(senders: int, timing: Timing) -> Figures:
        url = scratch.cluster.fresh_url()
        scratch.cluster.run(_TABLE, url.rpartition("/")[2])
        command = [program, "--no-vacuum", "--protocol=prepared", f"--file={script}"]
        # Whole seconds, of which connecting takes some on a busy machine.
        seconds = math.ceil(timing.warm_up + timing.window)
        command += [f"--client={senders}", f"--time={seconds}", url]
        printed = _output(command)
        tps, latency = _TPS.search(printed), _LATENCY.search(printed)
        if tps is None or latency is None:
            raise ServerError(printed[-500:])
        # Its processes are gone, and with them what they used.
        return Figures(per_second=float(tps[1]), p50_ms=float(latency[1]))

    return commit


def _redis_streams(_scratch: Scratch) -> Commit:
    def commit(senders: int, timing: Timing) -> Figures:
        with redis.running("--appendonly", "yes", "--appendfsync", "always") as hub:
            server = Running(hub.pid, Address(HOST, hub.port))
            return closed_loop(server, Language(_xadd), senders, timing)

    try:
        with redis.running():
            return commit
    except AssertionError as error:
        raise NotHereError(str(error)) from error


def _jetstream(*, synced: bool) -> Callable[[Scratch], Commit]:
    def prepare(scratch: Scratch) -> Commit:
        program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise NotHereError("no `nats-server` here (Debian: nats-server)")

        def started() -> AbstractContextManager[Running]:
            folder = scratch.new_folder()
            config = folder / "nats.conf"
            sync = _SYNCED if synced else ""
            config.write_text(_JETSTREAM_CONFIG.format(folder=folder, sync=sync), encoding="utf-8")
            return running([program, "--config", str(config)])

        try:
            with started():
                pass
        except ServerError as error:
            version = _output([program, "--version"]).strip()
            raise NotHereError(f"{version} cannot sync each message; 2.10 can") from error

        def commit(senders: int, timing: Timing) -> Figures:
            with started() as server:
                create = json.dumps(_STREAM)
                asked_once(server, _nats(lambda _: "$JS.API.STREAM.CREATE.chat", create))
                message = json.dumps({"username": "user00000", "text": TEXT})
                language = _nats(lambda number: f"rooms.{own_room(number)}", message)
                return closed_loop(server, language, senders, timing)

        return commit

    return prepare


def _xadd(number: int) -> bytes:
    room = own_room(number)
    words = ("XADD", room, "*", "username", room, "text", TEXT)
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    return f"*{len(words)}\r\n{parts}".encode()


def _nats(subject: Callable[[int], str], payload: str) -> Language:
    connect = 'CONNECT {"verbose":false}\r\nSUB inbox.%d 1\r\n'
    return Language(
        lambda number: (
            f"PUB {subject(number)} inbox.{number} {len(payload)}\r\n{payload}\r\n".encode()
        ),
        greeting=lambda number: (connect % number).encode(),
        is_greeted=True,
    )


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    if done.returncode != 0:
        raise ServerError(done.stderr[-500:])
    return done.stdout


def _acknowledged(
    prepare: Callable[[Scratch], Commit],
) -> Callable[[Scratch, Path], Callable[[Timing], Results]]:
    """One sender, and many."""

    def prepared(scratch: Scratch, _checkout: Path) -> Callable[[Timing], Results]:
        commit = prepare(scratch)
        return lambda timing: {
            load.title: commit(load.senders, timing.half()) for load in (ONE, FIFTY)
        }

    return prepared


STORES = [
    Probe(name, label, frozenset({"ACKS"}), _acknowledged(prepare))
    for name, label, prepare in (
        ("bare_sqlite", "bare sqlite3", _bare_sqlite),
        ("pgbench", "pgbench", _pgbench),
        ("redis_streams", "Redis streams, fsync", _redis_streams),
        ("jetstream", "NATS JetStream", _jetstream(synced=True)),
        ("jetstream_unsynced", "NATS, no fsync", _jetstream(synced=False)),
    )
]

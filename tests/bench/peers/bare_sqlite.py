"""A log and nothing else: rows like those of a message, committed by bare ``sqlite3``.

As durable as trio_chat's default (a write-ahead log, synced at each commit), and in the same
shape: a row for the event and one for its text, an event found by its number in the room, by its
id and by the client's ``ref``. It looks nothing up and decides nothing.

Run: ``python -m tests.bench.peers.bare_sqlite FOLDER SENDERS WARM_UP_SECONDS SECONDS``. Each commit
has one message for each sender, in a room of its own. Prints one line of JSON.
"""

import json
import sqlite3
import sys
import time
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

TEXT: Final = "." * 64
TABLES: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE events (
    n INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL, username TEXT, ts INTEGER NOT NULL, author TEXT, device TEXT,
    ref BLOB UNIQUE, fingerprint BLOB, UNIQUE (room, seq)
);
CREATE TABLE texts (n INTEGER PRIMARY KEY, text TEXT NOT NULL);
"""


def main(folder: Path, senders: int, warm_up_seconds: float, seconds: float) -> None:
    """Commit for a while; print how many messages, and what they cost."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript(TABLES)
    rooms = [f"room{number:05}" for number in range(senders)]
    # Digests come in no order, as those of a ref do.
    random = Random(1)

    def digests() -> tuple[bytes, bytes]:
        return random.randbytes(32), random.randbytes(32)

    latencies_ns: list[int] = []
    counted = -1.0
    cpu = 0.0
    begun = time.monotonic()
    for seq in count(1):
        now = time.monotonic()
        if counted < 0 and now - begun >= warm_up_seconds:
            counted, cpu = now, time.process_time()
            latencies_ns.clear()
        elif counted >= 0 and now - counted >= seconds:
            break
        ts = time.time_ns() // 1_000_000
        first = (seq - 1) * senders
        start = time.perf_counter_ns()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, 'message', ?, ?, ?, ?, ?, ?)",
            [
                (first + at, room, seq, f"id{first + at}", room, ts, room, room, *digests())
                for at, room in enumerate(rooms)
            ],
        )
        connection.executemany(
            "INSERT INTO texts VALUES (?, ?)", [(first + at, TEXT) for at in range(senders)]
        )
        connection.execute("COMMIT")
        latencies_ns.append(time.perf_counter_ns() - start)
    took = {
        "messages": len(latencies_ns) * senders,
        "seconds": now - counted,
        "cpu_seconds": time.process_time() - cpu,
        "latencies_us": sorted(each // 1000 for each in latencies_ns),
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))

"""Replaces the file of an SQLite store with an equal copy while the server runs.

The server loses each message that it acknowledges after that, unless it notices.
"""

import os
import shutil
import signal
import sqlite3
from pathlib import Path

from tests.support.waiting import eventually


def replace_file(store: str, pid: int) -> None:
    """Replace the file with a copy of everything committed so far.

    Args:
        store: The value of `--store`.
        pid: The server, which is stopped meanwhile.
    """
    path = Path(store.removeprefix("sqlite:"))
    copy = path.with_name("copy.db")
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: _has_stopped(pid), "the server has stopped")
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
        # The last connection to close merges the write-ahead log into the copy.
        connection = sqlite3.connect(copy)
        connection.execute("SELECT count(*) FROM chat_texts").fetchone()
        connection.close()
        copy.replace(path)
    finally:
        os.kill(pid, signal.SIGCONT)


def _has_stopped(pid: int) -> bool:
    """Return whether all threads have stopped; a thread that writes finishes first."""
    stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def remove_write_ahead_log(store: str) -> None:
    """Remove the files that a killed server left beside the new file, as an operator does."""
    for suffix in ("-wal", "-shm"):
        Path(store.removeprefix("sqlite:") + suffix).unlink(missing_ok=True)

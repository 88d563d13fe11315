"""Checks that the paths of an SQLite store still lead to the opened files.

SQLite goes on writing into a file after its removal or replacement. A commit into a removed
database or write-ahead log (`-wal`) is lost. A write-ahead log beside another database damages that
one. Two processes with different index files (`-shm`) damage the database together.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from attrs import frozen

from trio_chat.errors import Outage

_REMOVED: Final = "its file was removed"
_REPLACED: Final = "its file was replaced by another; restart the server to use that one"
_BESIDE: Final = "its {} file was removed or replaced; restart the server"


class FileMoved(Outage):
    """A path of the store no longer leads to the opened file."""


@frozen
class _Opened:
    """The file that a path led to, and the reasons to give when it leads elsewhere.

    The kernel cannot reuse the inode while the store's connections keep the file open.
    """

    path: str
    inode: tuple[int, int]
    removed: str
    replaced: str

    @classmethod
    def at(cls, path: str, removed: str, replaced: str) -> Self:
        return cls(path, os.stat(path)[1:3], removed, replaced)  # noqa: PTH116 - as in check


@frozen
class OpenedFile:
    """Remembers which files the store has opened: the database, its `-wal` and its `-shm`."""

    _opened: list[_Opened]
    """The database first."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """Remember the database at a path.

        Raises:
            OSError: The path leads to no file.
        """
        return cls([_Opened.at(str(path), _REMOVED, _REPLACED)])

    def watch_beside(self) -> None:
        """Remember the `-wal` and the `-shm` too.

        Call this once, after a transaction. SQLite makes both when the first connection reads or
        writes a database in write-ahead mode. It keeps them, also in a checkpoint that truncates,
        until the last connection closes.
        """
        for suffix in ("-wal", "-shm"):
            reason = _BESIDE.format(suffix)
            # A file system without shared memory has neither: SQLite then uses a rollback journal.
            with suppress(FileNotFoundError):
                path = f"{self._opened[0].path}{suffix}"
                self._opened.append(_Opened.at(path, reason, reason))

    def check(self) -> None:
        """Compare each path with the opened file. Takes some microseconds on a local disk.

        Raises:
            FileMoved: A path leads to no file, or to another one.
        """
        for opened in self._opened:
            try:
                # Inode and device; a slice costs less than two attributes.
                inode = os.stat(opened.path)[1:3]  # noqa: PTH116 - four times as fast as Path.stat
            except OSError as error:
                raise FileMoved(opened.removed) from error
            if inode != opened.inode:
                raise FileMoved(opened.replaced)

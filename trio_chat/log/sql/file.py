"""The file of an SQLite log: what may be opened, and whether it still is the one that was opened.

SQLite goes on writing into a file that somebody has removed or renamed. Such a write is lost, and
the write-ahead log beside the path damages the file that is put in its place.
"""

import os
from pathlib import Path
from typing import Final, Self

from attrs import frozen

from trio_chat.errors import Outage

_REMOVED: Final = "its file was removed"
_REPLACED: Final = "its file was replaced by another; restart the server to use that one"


class FileMoved(Outage):
    """The path of the log no longer leads to the opened file."""


@frozen
class OpenedFile:
    """Which file a path led to when the log was opened.

    The inode cannot be used again while the log's connections have the file open.
    """

    _path: str
    _device: int
    _inode: int

    @classmethod
    def at(cls, path: Path) -> Self:
        """Remember the file at a path.

        Raises:
            OSError: There is none.
        """
        found = path.stat()
        return cls(str(path), found.st_dev, found.st_ino)

    def check(self) -> None:
        """Compare the path with the opened file. Takes some microseconds on a local disk.

        Raises:
            FileMoved: The path leads to no file, or to another one.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116 - four times as fast as Path.stat
        except OSError as error:
            raise FileMoved(_REMOVED) from error
        if (found.st_dev, found.st_ino) != (self._device, self._inode):
            raise FileMoved(_REPLACED)

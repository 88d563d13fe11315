"""The high-water mark: a small file beside an SQLite file, which names the newest event in it.

An SQLite file cannot detect that it is an older copy of itself. So the mark holds the epoch of the
history and its newest event. The server writes the mark after the commit, at most once a second and
at stop, so the mark is never ahead of the database. If a start does not find this event, or finds
another epoch, the file holds another history.

Without a readable mark the history keeps its epoch.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from trio_chat.store.sql.identity import Anchor, Identity

_logger = structlog.get_logger(__name__)

# An epoch and an event need no more.
_MOST_BYTES = 4096


class HighWaterMark:
    """The file beside one database.

    Args:
        database: The file of the database, without symbolic links.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.mark")
        self._saved: tuple[str, Anchor | None] | None = None
        self._fails = False
        self._saving = threading.Lock()

    def read(self) -> Identity | None:
        """Return the last known history; None without a readable mark."""
        try:
            with self._path.open("rb") as file:
                data = orjson.loads(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._warn("high-water mark cannot be read", error)
            return None
        match data:
            case {"epoch": str(epoch), "anchor": None}:
                return Identity(epoch)
            case {
                "epoch": str(epoch),
                "anchor": {"room": str(room), "seq": int(seq), "id": str(id_)},
            }:
                return Identity(epoch, Anchor(room, seq, id_))
        self._warn("high-water mark cannot be read", None)
        return None

    def save(self, identity: Identity) -> None:
        """Write epoch and event, unless the file has them. A failure is only a log line."""
        with self._saving:
            if not self.is_saved(identity):
                self._save(identity.known)

    def is_saved(self, identity: Identity) -> bool:
        """Whether the file has this identity already."""
        return identity.known == self._saved

    def _save(self, known: tuple[str, Anchor | None]) -> None:
        epoch, anchor = known
        event = anchor and {"room": anchor.room, "seq": anchor.seq, "id": anchor.id}
        try:
            self._replace(orjson.dumps({"epoch": epoch, "anchor": event}) + b"\n")
        except OSError as error:
            if not self._fails:
                self._warn("high-water mark cannot be written", error)
            self._fails = True
        else:
            self._saved = known
            self._fails = False

    def _replace(self, content: bytes) -> None:
        # Nodes on one machine may share the database: each has a file of its own to rename.
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, content)
            finally:
                os.close(descriptor)
            # Not synced: after a power cut an older mark, or none, does no harm.
            new.replace(self._path)
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def _warn(self, event: str, error: Exception | None) -> None:
        reason = getattr(error, "strerror", None) or "it is damaged"
        _logger.warning(event, file=str(self._path), reason=reason)

"""Checks that the database still holds the history that this process knows.

An epoch names one history. The database at an address may later hold another history: an operator
restored an older copy, a standby that lagged behind took over, or another file took its place. The
*anchor*, the newest event that this process knows to be committed, reveals it. A history without
the anchor, or with another event in its place, is another history and gets another epoch.

Every batch looks for the anchor in its own transaction, so no batch ever lands in another history.
On SQLite it does so if another connection has committed since the last batch; else it is in place.
All calls that use a connection run in the one thread at a time that writes.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection

from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.protocol.events import Event, Kind
from trio_chat.store.base import Outcome, Stored
from trio_chat.store.epoch import random_epoch
from trio_chat.store.sql import statements as sql
from trio_chat.store.sql.rows import is_epoch, is_seq

Writing = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction, and commits it at the end of the block."""


@frozen
class Anchor:
    """An event that is committed.

    Attributes:
        room: The name of its room.
        seq: Its number in the room.
        id: Its id, unique in all histories.
    """

    room: str
    seq: int
    id: str


_NOWHERE: Final = Anchor("", 0, "")
"""The place of an event that no history has."""

_MOST_REPLACED: Final = 100
"""Replaced epochs that a database remembers. A node is behind by those of a few seconds only."""


class Identity:
    """The history that this process knows.

    Args:
        epoch: The epoch of the history.
        anchor: A committed event; None if none is known.
    """

    def __init__(self, epoch: str, anchor: Anchor | None = None) -> None:
        self._lock = threading.Lock()
        self._known = epoch, anchor
        self.epoch = epoch
        """The epoch of the history."""

    @property
    def known(self) -> tuple[str, Anchor | None]:
        """Return the epoch and the anchor, as one consistent pair."""
        return self._known

    # --- newer anchors ---------------------------------------------------------------------------

    def note_committed(self, outcomes: Sequence[Outcome]) -> None:
        """Use the newest event of a committed batch as the anchor."""
        for outcome in reversed(outcomes):
            if type(outcome) is Stored:
                with self._lock:
                    self._known = self.epoch, _anchor(outcome.event)
                return

    def note_read(self, epoch: str, event: Event) -> None:
        """Use an event that was read as the anchor, if none is known yet."""
        if self._known[1] is None and event.kind is not Kind.DAMAGED:
            with self._lock:
                if self._known == (epoch, None):
                    self._known = epoch, _anchor(event)

    # --- within a transaction --------------------------------------------------------------------

    def place(self) -> tuple[str, int]:
        """Return room and ``seq`` of the anchor."""
        anchor = self._known[1] or _NOWHERE
        return anchor.room, anchor.seq

    def wanted(self) -> dict[str, Any]:
        """Return the place of the anchor as named parameters."""
        room, seq = self.place()
        return {"anchor_room": room, "anchor_seq": seq}

    def expected(self) -> dict[str, Any]:
        """Return epoch and anchor as named parameters, for a statement that compares them."""
        epoch, anchor = self._known
        return {"epoch": epoch, "anchor_id": anchor and anchor.id, **self.wanted()}

    def verify(self, epoch: str | None, anchor_id: str | None) -> None:
        """Compare the database with the history that this process knows.

        Args:
            epoch: The epoch in the database; None if it has none.
            anchor_id: The id of the event in the place of the anchor; None if there is none.

        Raises:
            HistoryReplaced: The histories differ. Roll back, then call `renew`.
        """
        known, anchor = self._known
        if epoch != known or anchor_id != (anchor and anchor.id):
            raise HistoryReplaced("the store holds another history than before")

    def check(self, connection: Connection) -> None:
        """Look for the anchor.

        Raises:
            HistoryReplaced: As `verify`.
        """
        row = connection.execute(sql.IDENTITY, self.wanted()).one()
        self.verify(row.epoch, row.anchor)

    # --- another history -------------------------------------------------------------------------

    def refresh(self, writing: Writing) -> None:
        """Check the history; then adopt another history, or a newer anchor.

        The newest event of the anchor's room is the last one that `SqlStore.prune` would delete.
        """
        try:
            with writing() as connection:
                self.check(connection)
                epoch, anchor = self._known
                if anchor is None:
                    return
                newest = connection.execute(sql.NEWEST, {"in_room": anchor.room}).first()
        except HistoryReplaced:
            self.renew(writing)
            return
        if newest is None or not is_seq(newest.seq) or type(newest.id) is not str:
            return  # a damaged event is no anchor: keep the older one
        with self._lock:
            self._known = epoch, Anchor(anchor.room, newest.seq, newest.id)

    def renew(self, writing: Writing, *, is_certain: bool = False) -> None:
        """Adopt the history of the database, under an unused epoch.

        Several processes agree on one: the first sets it, with the epochs that it replaces. The
        others find theirs among those, and adopt it. An epoch that came back with a copy replaces
        none of the later ones, so no process adopts it.

        Args:
            writing: Begins a transaction.
            is_certain: Whether it is another history even if the anchor is in place.

        Raises:
            Outage: The database has no epoch: a restore may be in progress.
            SQLAlchemyError: As `trio_chat.store.sql.errors` says.
        """
        with writing() as connection:
            row = connection.execute(sql.IDENTITY, self.wanted()).one()
            known, anchor = self._known
            has_anchor = row.anchor == (anchor and anchor.id)
            epoch = row.epoch
            if epoch is None:
                raise Outage("the database has no epoch")
            stored = connection.execute(sql.REPLACED).scalar_one()
            replaced = stored.split() if type(stored) is str else []
            is_the_same = epoch == known and has_anchor and not is_certain
            if not is_epoch(epoch) or (known not in replaced and not is_the_same):
                former = [one for one in replaced if one != epoch]
                epoch = _replace(connection, epoch, [*former, *dict.fromkeys((epoch, known))])
        with self._lock:
            self._known = epoch, anchor if has_anchor else None
            self.epoch = epoch


def _replace(connection: Connection, old: object, former: Sequence[str]) -> str:
    """Set a new epoch, unless another process did; returns the present epoch."""
    new = {"new": random_epoch()}
    if is_epoch(old):
        over = {"old": old, "former": " ".join(former[-_MOST_REPLACED:])}
        connection.execute(sql.REPLACE_EPOCH, new | over)
    else:
        connection.execute(sql.REPLACE_DAMAGED_EPOCH, new)
    epoch: str = connection.execute(sql.EPOCH).scalar_one()
    return epoch


def _anchor(event: Event) -> Anchor:
    return Anchor(event.room, event.seq, event.id)

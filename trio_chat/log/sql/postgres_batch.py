"""What a batch looks up and writes in PostgreSQL, where several processes may append at once.

All processes take locks in one order: rooms by name, refs by key, marks by room and user. So
one process waits for another, never both at once.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from typing import Final

from attrs import define
from sqlalchemy import Connection, Engine

from trio_chat.log.base import Mark
from trio_chat.log.sql import postgres_statements as sql
from trio_chat.log.sql.batch import (
    Batch,
    BeginAgain,
    Done,
    Message,
    NewEvent,
    done_of,
    message_of,
    ref_keys,
)
from trio_chat.log.sql.identity import Identity
from trio_chat.log.sql.statements import inserts
from trio_chat.protocol.events import Draft, Kind

_INSERT_MARK: Final = inserts("postgresql").mark

# A transaction of some milliseconds, so that appends come in between.
_REFS_AT_ONCE: Final = 1000


class _RoomsMissing(Exception):  # noqa: N818 - an outcome, dealt with in this file
    """Some rooms have no row yet.

    They need a transaction of their own: in this one their locks would come after others, out of
    order.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(rooms)
        self.rooms = rooms


@contextmanager
def begin(engine: Engine, identity: Identity) -> Iterator["PostgresTransaction"]:
    """Begin the transaction of a batch, and commit it in the end.

    Raises:
        BeginAgain: Nothing is committed, but the rooms that had no row have one.
        SQLAlchemyError: As `trio_chat.log.sql.errors` says.
    """
    try:
        with engine.begin() as connection:
            yield PostgresTransaction(connection, identity)
    except _RoomsMissing as missing:
        with engine.begin() as connection:
            rooms = [{"room": name, "head": 0} for name in missing.rooms]
            connection.execute(sql.INSERT_ROOM, rooms)
        raise BeginAgain from None


def forget_refs(connection: Connection) -> bool:
    """Delete some of the refs that have expired; returns whether there may be more."""
    return connection.execute(sql.FORGET_REFS, {"most": _REFS_AT_ONCE}).rowcount == _REFS_AT_ONCE


@define
class PostgresTransaction:
    """Satisfies `trio_chat.log.sql.batch.Transaction`."""

    _connection: Connection
    _identity: Identity

    def check(self) -> None:
        """Look for the anchor."""
        self._identity.check(self._connection)

    def look_up(self, drafts: Sequence[Draft]) -> Batch:
        """Lock the rooms, then read all else that these drafts need."""
        names = sorted({draft.room for draft in drafts})
        parameters = {"names": names, **self._identity.wanted()}
        rows = self._connection.execute(sql.LOCK_HEADS, parameters).all()
        if rows:
            self._identity.verify(rows[0].epoch, rows[0].anchor)
        heads = {row.room: row.head for row in rows}
        times = {row.room: row.ts for row in rows}
        if len(heads) < len(names):
            raise _RoomsMissing([name for name in names if name not in heads])
        wanted = {draft.target for draft in drafts if draft.target is not None}
        return Batch(heads, times, self._done(drafts), self._messages(wanted), wanted)

    def write(self, batch: Batch) -> None:
        """Write each table at once, and the heads of the rooms last."""
        execute = self._connection.execute
        if batch.void:
            execute(sql.VOID_REFS, {"keys": sorted(batch.void)})
        refs = [
            {"ref": new.ref, "fingerprint": new.fingerprint, "id": new.id, "seq": new.seq}
            for new in sorted(filter(attrgetter("ref"), batch.events), key=attrgetter("ref"))
        ]
        if refs and execute(sql.INSERT_REF, refs).rowcount < len(refs):
            raise BeginAgain
        execute(sql.INSERT_EVENT, [_row(new) for new in batch.events])
        if batch.blanks:
            blanks = [
                {"in_room": room, "at": seq, "blanks": " " * size}
                for (room, seq), size in batch.blanks.items()
            ]
            execute(sql.BLANK_TEXT, blanks)
        if batch.texts:
            texts = [
                {"room": room, "seq": seq, "text": text}
                for (room, seq), text in batch.texts.items()
            ]
            execute(sql.INSERT_TEXT, texts)
        if batch.shown:
            shown = [
                {"in_room": room, "at": seq, "shown": text_seq}
                for (room, seq), text_seq in batch.shown.items()
            ]
            execute(sql.SHOW_TEXT, shown)
        heads = [
            {"name": room, "newest": head, "newest_ts": batch.times[room]}
            for room, head in batch.heads.items()
        ]
        execute(sql.SET_HEAD, heads)

    def mark(self, marks: Sequence[Mark]) -> Collection[tuple[str, str]]:
        """Write the marks in one statement."""
        rows = [{"room": mark.room, "reader": mark.user, "seq": mark.seq} for mark in marks]
        grown = self._connection.execute(_INSERT_MARK, rows)
        return [(room, reader) for room, reader in grown]

    def savepoint(self) -> AbstractContextManager[object]:
        """Begin a savepoint."""
        return self._connection.begin_nested()

    def _done(self, drafts: Sequence[Draft]) -> dict[bytes, Done]:
        keys = ref_keys(drafts)
        if not keys:
            return {}
        rows = self._connection.execute(sql.DONE, {"keys": keys})
        return {row.ref: done_of((row.fingerprint, row.id, row.seq, row.age)) for row in rows}

    def _messages(self, ids: Collection[str]) -> dict[str, Message]:
        if not ids:
            return {}
        rows = self._connection.execute(sql.MESSAGES, {"ids": list(ids)})
        return {id_: message_of(rest) for id_, kind, *rest in rows if kind == Kind.MESSAGE}


def _row(new: NewEvent) -> dict[str, object]:
    return {
        "room": new.room,
        "seq": new.seq,
        "id": new.id,
        "kind": new.kind.value,
        "username": new.username,
        "ts": new.ts,
        "author": new.author,
        "device": new.device,
        "target": new.target,
        "text_seq": new.text_at,
    }

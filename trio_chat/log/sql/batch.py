"""One commit: what is looked up, decided, and written, in one transaction.

All that a batch needs to know is read first, under the locks of its rooms; what becomes of each
draft is then decided in memory, in their order; and the result is written, each table at once.

Locks are taken in one order by everybody: rooms by name, refs by key, marks by room and user. So
one process waits for another, never both at once.
"""

import hashlib
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from attrs import define, field, frozen
from sqlalchemy import Connection, Row

from trio_chat.errors import ErrorCode
from trio_chat.log.base import (
    Commit,
    Logged,
    Mark,
    Outcome,
    Refused,
    Repeated,
    fingerprint,
    is_own,
)
from trio_chat.log.sql import statements as sql
from trio_chat.log.sql.errors import DATA_FAULTS
from trio_chat.log.sql.identity import Identity
from trio_chat.log.sql.rows import expect, head_of, is_seq, is_ts
from trio_chat.protocol.events import Author, Draft, Kind


class RoomsMissing(Exception):  # noqa: N818 - it is an outcome, dealt with by who called
    """Some rooms have no row yet: make them in a transaction of their own, and begin again.

    In this one their locks would come after others, out of order.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(rooms)
        self.rooms = rooms


class RefTaken(Exception):  # noqa: N818 - the same
    """Another process has committed the same ref meanwhile: begin again, and find it."""


@define
class _Message:
    """A message that a draft of the batch wants to change.

    Attributes:
        text_seq: Of the event whose text it shows; None if it is deleted.
        text_bytes: How long that text is in the database, where it is there.
        row: Its event, if it is of this batch and not yet written.
    """

    room: str
    seq: int
    author: Author | None
    text_seq: int | None
    text_bytes: int = 0
    row: dict[str, Any] | None = None


@frozen
class _Done:
    fingerprint: bytes
    id: str
    seq: int
    age_ms: int = 0


@define
class _Batch:
    """What is known before, and what is to be written.

    Attributes:
        heads: The ``seq`` of the newest event of each room, those of this batch included.
        times: The ``ts`` of the same.
        done: By key of the ref.
        void: Keys of refs to forget before new ones are written.
        messages: By id, those that somebody in this batch wants to change.
        wanted: The ids of the same, also of those that there are not.
        texts: By room and ``seq`` of the event that brings it.
        blanks: By room and ``seq``, what is to be overwritten, and with how many blanks.
        shown: By room and ``seq`` of a message, whose text it shows from now on.
    """

    heads: dict[str, int]
    times: dict[str, int]
    done: dict[bytes, _Done]
    messages: dict[str, _Message]
    wanted: set[str]
    events: list[dict[str, Any]] = field(factory=list)
    refs: list[dict[str, Any]] = field(factory=list)
    void: set[bytes] = field(factory=set)
    texts: dict[tuple[str, int], str] = field(factory=dict)
    blanks: dict[tuple[str, int], int] = field(factory=dict)
    shown: dict[tuple[str, int], int | None] = field(factory=dict)


def commit(
    connection: Connection,
    inserts: sql.Inserts,
    identity: Identity,
    drafts: Sequence[Draft],
    marks: Sequence[Mark],
) -> Commit:
    """Do all of a batch within the transaction that has begun on this connection.

    Raises:
        RoomsMissing: Nothing has been written yet.
        RefTaken: Roll back.
        HistoryReplaced: The same: the database holds another history than before.
        SQLAlchemyError: The same; what it means is said in `errors`.
    """
    if not drafts:
        identity.check(connection)
    outcomes = _append(connection, inserts, identity, drafts) if drafts else []
    return Commit(outcomes, _mark(connection, inserts, marks) if marks else ())


def commit_singly(
    connection: Connection,
    inserts: sql.Inserts,
    identity: Identity,
    drafts: Sequence[Draft],
    marks: Sequence[Mark],
) -> Commit:
    """The same, where the database has refused the batch for something in it: leave that out.

    Raises:
        RoomsMissing, RefTaken, HistoryReplaced, SQLAlchemyError: As `commit`.
    """
    if not drafts:
        identity.check(connection)
    outcomes: list[Outcome] = []
    grown: list[Mark] = []
    for draft in drafts:
        try:
            with connection.begin_nested():
                outcomes += _append(connection, inserts, identity, [draft])
        except DATA_FAULTS:
            outcomes.append(Refused(ErrorCode.INTERNAL))
    for mark in marks:
        try:
            with connection.begin_nested():
                grown += _mark(connection, inserts, [mark])
        except DATA_FAULTS:
            continue  # a mark has no outcome: it has not grown
    return Commit(outcomes, grown)


def _append(
    connection: Connection, inserts: sql.Inserts, identity: Identity, drafts: Sequence[Draft]
) -> list[Outcome]:
    batch = _look_up(connection, identity, drafts)
    outcomes = [_decide(batch, draft) for draft in drafts]
    if batch.events:
        _write(connection, inserts, batch)
    return outcomes


# --- look up ----------------------------------------------------------------------------------


def _key(draft: Draft) -> bytes | None:
    """The ref of a draft, whose it is and of which device; None if it has none of them."""
    if draft.ref is None or draft.author is None or not draft.author.device:
        return None
    return _key_of(draft.ref, draft.author)


def _key_of(ref: str, author: Author) -> bytes:
    parts = (author.device, ref, author.user)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _look_up(connection: Connection, identity: Identity, drafts: Sequence[Draft]) -> _Batch:
    names = sorted({draft.room for draft in drafts})
    rows = connection.execute(sql.LOCK_HEADS, {"names": names, **identity.wanted()}).all()
    if rows:
        identity.verify(rows[0].epoch, rows[0].anchor)
    heads = {row.room: head_of(connection, row.room, row.head) for row in rows}
    times = {row.room: row.ts if is_ts(row.ts) else 0 for row in rows}
    if len(heads) < len(names):
        raise RoomsMissing([name for name in names if name not in heads])
    wanted = {draft.target for draft in drafts if draft.target is not None}
    done = _find_done(connection, drafts)
    return _Batch(heads, times, done, _find(connection, wanted), wanted)


def _find_done(connection: Connection, drafts: Sequence[Draft]) -> dict[bytes, _Done]:
    keys = {key for draft in drafts if (key := _key(draft)) is not None}
    if not keys:
        return {}
    found = connection.execute(sql.DONE, {"keys": list(keys)})
    return {row.ref: _done(row) for row in found}


def _done(row: Row[Any]) -> _Done:
    types = (type(row.fingerprint), type(row.id), type(row.age))
    is_sound = types == (bytes, str, int) and is_seq(row.seq)
    expect(is_sound=is_sound, what="a ref", seq=row.seq)
    return _Done(row.fingerprint, row.id, row.seq, row.age)


def _find(connection: Connection, ids: set[str]) -> dict[str, _Message]:
    if not ids:
        return {}
    found = connection.execute(sql.MESSAGES, {"ids": list(ids)})
    return {row.id: _message(row) for row in found if row.kind == Kind.MESSAGE}


def _message(row: Row[Any]) -> _Message:
    author, device, text_seq = row.author, row.device, row.text_seq
    is_sound = (
        type(row.room) is str
        and is_seq(row.seq)
        and (author is None or (type(author) is str and type(device) is str))
        and (text_seq is None or is_seq(text_seq))
    )
    expect(is_sound=is_sound, what="an event", room=row.room, seq=row.seq)
    by = None if author is None else Author(author, device)
    return _Message(row.room, row.seq, by, text_seq, row.text_bytes or 0)


# --- decide -----------------------------------------------------------------------------------


def _decide(batch: _Batch, draft: Draft) -> Outcome:
    key = _key(draft)
    if key is None:
        return _log(batch, draft)
    print_ = fingerprint(draft)
    done = batch.done.get(key)
    if done is not None and draft.ref_ms is not None and done.age_ms >= draft.ref_ms:
        batch.void.add(key)
        done = None
    if done is not None:
        if draft.ref_ms is None and done.fingerprint != print_:
            return Refused(ErrorCode.CONFLICT)
        return Repeated(done.id, done.seq)
    outcome = _log(batch, draft)
    if isinstance(outcome, Logged):
        done = batch.done[key] = _Done(print_, draft.id, outcome.event.seq)
        batch.refs.append({"ref": key, "fingerprint": print_, "id": done.id, "seq": done.seq})
        if draft.ends is not None and draft.author is not None:
            _end(batch, _key_of(draft.ends, draft.author))
    return outcome


def _end(batch: _Batch, key: bytes) -> None:
    """Let a ref be known no more, also if it is of this batch."""
    batch.void.add(key)
    batch.done.pop(key, None)
    batch.refs = [row for row in batch.refs if row["ref"] != key]


def _log(batch: _Batch, draft: Draft) -> Outcome:
    seq = batch.heads[draft.room] + 1
    target = None
    if draft.target is not None:
        target = batch.messages.get(draft.target)
        if target is None or target.room != draft.room or target.text_seq is None:
            return Refused(ErrorCode.NOT_FOUND)
        if not is_own(target.author, draft.author):
            return Refused(ErrorCode.FORBIDDEN)
        _change(batch, target, seq if draft.kind is Kind.EDITED else None)
    batch.heads[draft.room] = seq
    # The clock of this node may be behind that of another, or may have stepped back.
    ts = batch.times[draft.room] = max(draft.ts, batch.times[draft.room])
    if draft.kind is not Kind.DELETED:
        batch.texts[draft.room, seq] = draft.message
    row = {
        "room": draft.room,
        "seq": seq,
        "id": draft.id,
        "kind": draft.kind.value,
        "username": draft.username,
        "ts": ts,
        "author": draft.author and draft.author.user,
        "device": draft.author and draft.author.device,
        "target": target and target.seq,
        "text_seq": seq if target is None else None,
    }
    batch.events.append(row)
    if draft.kind is Kind.MESSAGE and draft.id in batch.wanted:
        batch.messages[draft.id] = _Message(draft.room, seq, draft.author, seq, row=row)
    return Logged(draft.numbered(seq, ts))


def _change(batch: _Batch, target: _Message, text_seq: int | None) -> None:
    """Let a message show another text, or none; the one it has is gone."""
    assert target.text_seq is not None  # noqa: S101 - so says the caller
    old = (target.room, target.text_seq)
    # A text of this batch has not been written yet, and never is.
    if batch.texts.pop(old, None) is None:
        batch.blanks[old] = target.text_bytes
    target.text_seq = text_seq
    if target.row is None:
        batch.shown[target.room, target.seq] = text_seq
    else:
        target.row["text_seq"] = text_seq


# --- write ------------------------------------------------------------------------------------


def _write(connection: Connection, inserts: sql.Inserts, batch: _Batch) -> None:
    if batch.void:
        connection.execute(sql.VOID_REFS, {"keys": sorted(batch.void)})
    if batch.refs:
        refs = sorted(batch.refs, key=itemgetter("ref"))
        if connection.execute(inserts.ref, refs).rowcount < len(refs):
            raise RefTaken
    connection.execute(inserts.event, batch.events)
    if batch.blanks:
        blanks = [
            {"in_room": room, "at": seq, "blanks": " " * size}
            for (room, seq), size in batch.blanks.items()
        ]
        connection.execute(sql.BLANK_TEXT, blanks)
    if batch.texts:
        texts = [
            {"room": room, "seq": seq, "text": text} for (room, seq), text in batch.texts.items()
        ]
        connection.execute(inserts.text, texts)
    if batch.shown:
        shown = [
            {"in_room": room, "at": seq, "shown": text_seq}
            for (room, seq), text_seq in batch.shown.items()
        ]
        connection.execute(sql.SHOW_TEXT, shown)
    heads = [
        {"name": room, "newest": head, "newest_ts": batch.times[room]}
        for room, head in batch.heads.items()
    ]
    connection.execute(sql.SET_HEAD, heads)


def _mark(connection: Connection, inserts: sql.Inserts, marks: Sequence[Mark]) -> list[Mark]:
    highest: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        key = (mark.room, mark.user)
        if mark.seq > (highest[key].seq if key in highest else 0):
            highest[key] = mark
    if not highest:
        return []
    rows = [
        {"room": room, "reader": user, "seq": mark.seq}
        for (room, user), mark in sorted(highest.items(), key=itemgetter(0))
    ]
    grown = connection.execute(inserts.mark, rows)
    return [highest[room, reader] for room, reader in grown]

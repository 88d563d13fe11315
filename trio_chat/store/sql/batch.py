"""Decides one commit: look up, decide, and write, in one transaction.

A transaction first reads everything that the decisions need. `decide` then decides on each draft
in memory, in order. The transaction writes the result, one table after the other.

This file has the part that both databases share. `sqlite_batch` and `postgres_batch` look up and
write.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from attrs import define, field, frozen

from trio_chat.errors import ErrorCode
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import (
    Commit,
    Outcome,
    Refused,
    Repeated,
    Stored,
    fingerprint,
    is_own,
)
from trio_chat.store.sql.errors import DATA_FAULTS
from trio_chat.store.sql.rows import damaged, is_seq


class BeginAgain(Exception):  # noqa: N818 - an outcome that the caller handles
    """Another process was faster, or a room had no row yet: repeat the whole batch."""


@define(eq=False)
class NewEvent:
    """An event that this batch writes.

    Attributes:
        at: The number that other rows refer to: its ``seq``, or on SQLite its row number.
        author: The key of the author's name; None if it has no author.
        device: The author's device.
        target: The `at` of the message that it changes.
        text_at: The `at` of the event with its present text.
        ref: The key of its ref.
        fingerprint: The digest of its request.
    """

    room: str
    seq: int
    at: int
    id: str
    kind: Kind
    username: str | None
    ts: int
    author: str | None
    device: str | None
    target: int | None
    text_at: int | None
    ref: bytes | None = None
    fingerprint: bytes | None = None


@define(eq=False)
class Message:
    """A message that a draft of the batch changes.

    Attributes:
        at: As for `NewEvent`.
        text_at: The `at` of the event with its present text; None if it is deleted.
        text_bytes: The length of that text in the database.
        new: Its event, if this batch writes it.
    """

    room: str
    at: int
    author: Author | None
    text_at: int | None
    text_bytes: int = 0
    new: NewEvent | None = None


@frozen
class Done:
    """A completed request with a ref.

    Attributes:
        fingerprint: The digest of the request.
        id: The id of its event.
        seq: The ``seq`` of its event.
        age_ms: The age of the request.
    """

    fingerprint: bytes
    id: str
    seq: int
    age_ms: int = 0


Place = tuple[str, int]
"""A room, and the `at` of an event in it."""


@define(eq=False)
class Batch:
    """The known state before a batch, and the rows that it writes.

    Attributes:
        heads: The ``seq`` of the newest event of each room, those of this batch included.
        times: The ``ts`` of these events.
        done: The completed requests, by key of the ref.
        messages: The messages that a draft of this batch changes, by id.
        wanted: The ids of these messages, and of those that do not exist.
        last_row: The number of the newest row in the file; None if `NewEvent.at` is a ``seq``.
        void: Keys of refs to forget before new ones are written.
        texts: The new texts, by place of the event.
        blanks: The number of blanks that overwrite a text, by place.
        shown: The `at` of the new text of a message, by place of the message.
    """

    heads: dict[str, int]
    times: dict[str, int]
    done: dict[bytes, Done]
    messages: dict[str, Message]
    wanted: Collection[str]
    last_row: int | None = None
    events: list[NewEvent] = field(factory=list)
    void: set[bytes] = field(factory=set)
    texts: dict[Place, str] = field(factory=dict)
    blanks: dict[Place, int] = field(factory=dict)
    shown: dict[Place, int | None] = field(factory=dict)


Work = Callable[["Transaction", Sequence[Draft], Sequence[ReadMarker]], Commit]
"""The work of a transaction: `commit` or `commit_singly`."""

Transact = Callable[[Work, Sequence[Draft], Sequence[ReadMarker]], Commit]
"""Begins a transaction, calls the work within it, commits, and returns the result of the work."""


class Transaction(Protocol):
    """A transaction that has begun. It commits when its call ends, unless that raises.

    `trio_chat.store.sql.errors` translates the exceptions of the database.
    """

    def check(self) -> None:
        """Check that the database still holds the same history.

        Raises:
            HistoryReplaced: It holds another one. Roll back.
        """

    def look_up(self, drafts: Sequence[Draft], keys: Sequence[bytes]) -> Batch:
        """Check the history, and read everything that `decide` needs for these drafts.

        Args:
            drafts: The drafts.
            keys: The keys of their refs, without repeats.

        Raises:
            HistoryReplaced: As `check`.
            BeginAgain: Roll back.
        """

    def write(self, batch: Batch) -> None:
        """Write the rows of the batch.

        Raises:
            BeginAgain: Roll back.
        """

    def mark(self, marks: Sequence[ReadMarker]) -> Collection[tuple[str, str]]:
        """Write the highest marker of each room and user, sorted by room and user.

        Returns:
            Room and user of the markers that advanced.
        """

    def savepoint(self) -> AbstractContextManager[object]:
        """Undo the writes of the block if it raises, or if the database refuses them."""


def commit(
    transaction: Transaction, drafts: Sequence[Draft], marks: Sequence[ReadMarker]
) -> Commit:
    """Commit a batch within a transaction.

    Raises:
        BeginAgain, HistoryReplaced: Nothing is committed.
    """
    if not drafts:
        transaction.check()
    outcomes = _append(transaction, drafts) if drafts else []
    return Commit(outcomes, _mark(transaction, marks) if marks else ())


def commit_singly(
    transaction: Transaction, drafts: Sequence[Draft], marks: Sequence[ReadMarker]
) -> Commit:
    """Commit a batch that the database has refused, without the items at fault.

    Raises:
        BeginAgain, HistoryReplaced: As `commit`.
    """
    if not drafts:
        transaction.check()
    outcomes: list[Outcome] = []
    grown: list[ReadMarker] = []
    for draft in drafts:
        try:
            with transaction.savepoint():
                done = _append(transaction, [draft])
        except DATA_FAULTS:
            done = [Refused(ErrorCode.INTERNAL)]
        outcomes += done
    for mark in marks:
        try:
            with transaction.savepoint():
                grown += _mark(transaction, [mark])
        except DATA_FAULTS:
            continue  # a marker has no outcome: it has not advanced
    return Commit(outcomes, grown)


def _append(transaction: Transaction, drafts: Sequence[Draft]) -> list[Outcome]:
    keys = [None if draft.ref is None else _key(draft) for draft in drafts]
    batch = transaction.look_up(drafts, [*{key for key in keys if key is not None}])
    outcomes = [decide(batch, draft, key) for draft, key in zip(drafts, keys, strict=True)]
    if batch.events:
        transaction.write(batch)
    return outcomes


def _mark(transaction: Transaction, marks: Sequence[ReadMarker]) -> list[ReadMarker]:
    highest: dict[tuple[str, str], ReadMarker] = {}
    for mark in marks:
        key = (mark.room, mark.user)
        if mark.seq > (highest[key].seq if key in highest else 0):
            highest[key] = mark
    if not highest:
        return []
    grown = transaction.mark([highest[key] for key in sorted(highest)])
    return [highest[key] for key in grown]


# --- rows of a look-up -------------------------------------------------------------------------


def done_of(values: tuple[object, object, object, object]) -> Done:
    """Return the request in a row.

    Args:
        values: Fingerprint, id, ``seq`` and age.

    Raises:
        DamagedData: One of them has the wrong type.
    """
    print_, id_, seq, age = values
    if type(print_) is bytes and type(id_) is str and type(age) is int and is_seq(seq):
        return Done(print_, id_, seq, age)
    raise damaged("a ref", seq=seq)


def message_of(values: Sequence[object]) -> Message:
    """Return the message in a row.

    Args:
        values: Room, ``seq``, `at`, author, device, `text_at`, and the bytes of that text.

    Raises:
        DamagedData: One of them has the wrong type.
    """
    room, seq, at, user, device, text_at, size = values
    if (
        type(room) is str
        and is_seq(seq)
        and is_seq(at)
        and (text_at is None or is_seq(text_at))
        and (size is None or type(size) is int)
    ):
        if user is None:
            return Message(room, at, None, text_at, size or 0)
        if type(user) is str and type(device) is str:
            return Message(room, at, Author(user, device), text_at, size or 0)
    raise damaged("an event", room if type(room) is str else None, seq)


def _key(draft: Draft) -> bytes | None:
    """Return the key of ref, user and device; None without a ref or a device."""
    if draft.ref is None or draft.author is None or not draft.author.device:
        return None
    return _key_of(draft.ref, draft.author)


def _key_of(ref: str, author: Author) -> bytes:
    parts = (author.device, ref, author.user)
    # 128 bits: short keys lie close together in the index, so a batch changes fewer of its pages.
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]


# --- decide ------------------------------------------------------------------------------------


def decide(batch: Batch, draft: Draft, key: bytes | None) -> Outcome:
    """Decide on one draft, after the earlier ones of the batch.

    Args:
        batch: The known state; the decision is added to it.
        draft: The draft.
        key: The key of its ref; None without one.
    """
    if key is None:
        return _store(batch, draft)
    print_ = fingerprint(draft)
    done = batch.done.get(key)
    if done is not None and draft.ref_ms is not None and done.age_ms >= draft.ref_ms:
        batch.void.add(key)
        done = None
    if done is not None:
        if draft.ref_ms is None and done.fingerprint != print_:
            return Refused(ErrorCode.CONFLICT)
        return Repeated(done.id, done.seq)
    outcome = _store(batch, draft)
    if isinstance(outcome, Stored):
        batch.done[key] = Done(print_, draft.id, outcome.event.seq)
        new = batch.events[-1]
        new.ref, new.fingerprint = key, print_
        if draft.ends is not None and draft.author is not None:
            _end(batch, _key_of(draft.ends, draft.author))
    return outcome


def _end(batch: Batch, key: bytes) -> None:
    """Forget a ref, even one of this batch."""
    batch.void.add(key)
    batch.done.pop(key, None)
    for new in batch.events:
        if new.ref == key:
            new.ref = new.fingerprint = None


def _store(batch: Batch, draft: Draft) -> Outcome:
    room, kind, author = draft.room, draft.kind, draft.author
    seq = batch.heads[room] + 1
    at = seq if batch.last_row is None else batch.last_row + 1
    target = None
    if draft.target is not None:
        target = batch.messages.get(draft.target)
        if target is None or target.room != room or target.text_at is None:
            return Refused(ErrorCode.NOT_FOUND)
        if not is_own(target.author, author):
            return Refused(ErrorCode.FORBIDDEN)
        _change(batch, target, at if kind is Kind.EDITED else None)
    batch.heads[room] = seq
    if batch.last_row is not None:
        batch.last_row = at
    # The clock of this node may be behind that of another, or may have stepped back.
    ts = batch.times[room] = max(draft.ts, batch.times[room])
    if kind is not Kind.DELETED:
        batch.texts[room, at] = draft.message
    new = NewEvent(
        room,
        seq,
        at,
        draft.id,
        kind,
        draft.username,
        ts,
        None if author is None else author.user,
        None if author is None else author.device,
        None if target is None else target.at,
        at if target is None else None,
    )
    batch.events.append(new)
    if kind is Kind.MESSAGE and draft.id in batch.wanted:
        batch.messages[draft.id] = Message(room, at, author, at, new=new)
    return Stored(draft.numbered(seq, ts))


def _change(batch: Batch, target: Message, text_at: int | None) -> None:
    """Replace or delete the text of a message."""
    assert target.text_at is not None  # noqa: S101 - the caller has checked it
    old = (target.room, target.text_at)
    # A text of this batch has not been written yet, and never is.
    if batch.texts.pop(old, None) is None:
        batch.blanks[old] = target.text_bytes
    target.text_at = text_at
    if target.new is None:
        batch.shown[target.room, target.at] = text_at
    else:
        target.new.text_at = text_at

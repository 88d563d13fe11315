"""The contract of every store.

A store keeps the events of each room, numbered 1, 2, 3, … in commit order. The server sends an
event only after its commit. One contract suite in the tests runs against every implementation.

A store also keeps the author of each message, the ``ref`` of each completed request, and the read
marker of each user.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from attrs import define, field, frozen

from trio_chat.errors import ErrorCode
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.encode import MAX_HISTORY_BYTES
from trio_chat.protocol.events import Author, Draft, Event

REFS_SECONDS: Final = 24 * 3600
"""How long a durable store remembers a ``ref`` (docs/reference/wire.md, "Refs")."""

PAGE_BYTES: Final = MAX_HISTORY_BYTES
"""Size of the texts of one page, in UTF-8. The event that exceeds it ends the page. JSON is never
shorter than the texts in it, so no client could receive more."""


@frozen
class StreamPosition:
    """The head of a room in one history.

    Attributes:
        epoch: The identity of the history: within one epoch, a ``seq`` stands for one event.
        head: The ``seq`` of the newest event; 0 if there is none.
    """

    epoch: str
    head: int


@define  # not frozen, as events are not
class Page:
    """A stretch of a room's events.

    Attributes:
        events: In ``seq`` order, without a gap, each with the newest text of its message, or none
            after a deletion.
        more: Whether the room has further events in the direction of reading.
        epoch: The epoch of the room; None if unknown, as for an empty page.
        json: The encoded events, for the next client that asks for the page; None before the
            first client, or if the page is not kept.
    """

    events: tuple[Event, ...]
    more: bool
    epoch: str | None = field(default=None, eq=False)
    json: bytes | None = field(default=None, init=False, eq=False, repr=False)


@define
class Stored:
    """The store committed a draft as an event."""

    event: Event


@define
class Repeated:
    """An earlier request of the same author with the same ``ref``; the store added nothing.

    Attributes:
        id: The id of the event of that request.
        seq: The ``seq`` of that event.
    """

    id: str
    seq: int


@define
class Refused:
    """A draft that the store refuses.

    Attributes:
        code: ``conflict``: another request used its ``ref``. ``not_found``: the room has no such
            message, or it is deleted. ``forbidden``: another author wrote the message.
            ``internal``: the store cannot hold it, and a retry fails too.
    """

    code: ErrorCode


Outcome = Stored | Repeated | Refused


@define
class Commit:
    """The result of a batch.

    Attributes:
        outcomes: One for each draft, in order.
        grown: The read markers that advanced.
    """

    outcomes: Sequence[Outcome]
    grown: Sequence[ReadMarker] = ()


CommitNowait = Callable[[Sequence[Draft], Sequence[ReadMarker]], Commit]
"""`Store.append` without waiting: atomic, and never unavailable."""


class Store(Protocol):
    """Keeps events. Only the hub appends; every task may read.

    Every call ends within seconds. `trio_chat.errors.Outage` means that the store is unreachable;
    the outcome of a commit is unknown then, and after a cancellation.
    """

    @property
    def epoch(self) -> str:
        """The unique identity of the store's present history, in visible ASCII.

        A durable store keeps it across restarts; a store in memory makes one at each start. It
        changes when another history replaces this one. This attribute never blocks.
        """

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """`append` as a plain function, for a store that never waits; otherwise None."""

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch in one transaction, and number its events.

        A draft with a ``ref`` whose author has a device is first compared with the requests of the
        last 24 hours (10 minutes in memory) and with the earlier drafts of the batch: the store
        adds it once, however often a client sends it. An edit or a deletion changes its target in
        the same transaction: from then on every page has the newest text, or none, and the store
        has no older text.

        Args:
            drafts: In their final order; of one or several rooms.
            marks: Read markers; one below the stored marker changes nothing.

        Raises:
            HistoryReplaced: The store holds another history than before, and has a new `epoch`. It
                committed nothing of the batch.
            Outage: See above. The store committed nothing of the batch, or all of it.
        """

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read the newest events whose ``seq`` is below a bound; ``more`` means older ones.

        Args:
            room: The room; an unknown one is empty.
            before: The bound, exclusive.
            limit: Maximum events, at least 1. A page is shorter if its texts exceed `PAGE_BYTES`.

        Raises:
            Outage: See above.
        """

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read the oldest events whose ``seq`` is above a bound; ``more`` means newer ones.

        A store that forgets begins with its oldest event.

        Args:
            room: The room; an unknown one is empty.
            after: The bound, exclusive.
            limit: Maximum events, at least 1. A page is shorter if its texts exceed `PAGE_BYTES`.

        Raises:
            Outage: See above.
        """

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """Return the heads of some rooms.

        An unknown room begins its history with this call.

        Raises:
            Outage: See above.
        """

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Return the read markers of some users, by the keys of their names.

        Raises:
            Outage: See above.
        """

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Return all read markers of a room, by the keys of the users' names.

        Returns:
            None for more than ``most`` users.

        Raises:
            Outage: See above.
        """

    async def take_new_epoch(self, known: str) -> str:
        """Give the present history a new epoch, since it replaced the known one.

        Several processes that discover this agree on one new epoch. No event changes.

        Args:
            known: The epoch of the former history. If `epoch` differs from it already, nothing
                happens.

        Returns:
            The epoch of the present history.

        Raises:
            Outage: See above.
        """

    async def forget(self, room: str) -> None:
        """Drop a room that has been empty for an hour, if the store is in memory."""


def take_page(events: Iterable[Event], limit: int) -> tuple[list[Event], bool]:
    """Take the events of one page.

    Args:
        events: In the order of reading.
        limit: Maximum events.

    Returns:
        The events, and whether more follow.
    """
    taken: list[Event] = []
    size = 0
    for event in events:
        if len(taken) == limit or size > PAGE_BYTES:
            return taken, True
        taken.append(event)
        size += text_bytes(event)
    return taken, False


def text_bytes(event: Event) -> int:
    """Return the size of the text of an event, in UTF-8."""
    text = event.message
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def fingerprint(draft: Draft) -> bytes:
    """Return a digest of a request with a ``ref``: its type, room, target and text.

    Returns:
        16 bytes, which reveal nothing of the text.
    """
    parts = (draft.kind, draft.room, draft.target or "", draft.message)
    # Only the last part can contain a NUL.
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]


def is_own(theirs: Author | None, ours: Author | None) -> bool:
    """Return whether the author of a message may change it.

    Args:
        theirs: The author of the message; None for a notice, which has no author.
        ours: The author of the edit or deletion.
    """
    if theirs is None or ours is None or theirs.user != ours.user:
        return False
    return ours.is_proven or (bool(ours.device) and theirs.device == ours.device)

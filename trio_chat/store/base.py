"""The contract of every store.

A log keeps the events of each room, numbered 1, 2, 3, … in commit order. What is on it counts as
having happened; nobody is shown an event that is not. One contract suite in the tests is run
against every implementation.

It also keeps what must not be forgotten with them: who wrote a message, which requests have been
done already (their ``ref``), and up to where each user has read.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from attrs import define, field, frozen

from trio_chat.errors import ErrorCode
from trio_chat.protocol.encode import MAX_HISTORY_BYTES
from trio_chat.protocol.events import Author, Draft, Event

REFS_SECONDS: Final = 24 * 3600
"""How long a durable store remembers a ``ref`` (docs/reference/wire.md, "Refs")."""

PAGE_BYTES: Final = MAX_HISTORY_BYTES
"""Size of the texts of one page, in UTF-8. With the event that exceeds it the page ends. JSON is
never shorter than the texts in it, so a client could not be sent more."""


@frozen
class StreamPosition:
    """How far a room has come.

    Attributes:
        epoch: The life of the store: while it is the same, so is what each ``seq`` stands for.
        head: The ``seq`` of the newest event; 0 if there is none.
    """

    epoch: str
    head: int


@define  # not frozen, as events are not
class Page:
    """A stretch of a room's events.

    Attributes:
        events: In ``seq`` order, without a gap, each as it is to be shown now: with the newest
            text of a message, or none.
        more: Whether there are further ones in the direction that was read.
        epoch: The epoch of the room they are of; None if that is unknown, as of an empty page.
        json: Of the events, once a client has been shown the page; None if it is not kept for
            others, or has not been encoded yet.
    """

    events: tuple[Event, ...]
    more: bool
    epoch: str | None = field(default=None, eq=False)
    json: bytes | None = field(default=None, init=False, eq=False, repr=False)


@define
class ReadMarker:
    """A user has read a room up to a ``seq``.

    Attributes:
        user: The key of the user's name.
    """

    room: str
    user: str
    seq: int


@define
class Stored:
    """A draft has become an event, and is on the store."""

    event: Event


@define
class Repeated:
    """The same author had done the same with the same ``ref``; nothing was logged.

    Attributes:
        id: Of the event that was logged then.
        seq: The same.
    """

    id: str
    seq: int


@define
class Refused:
    """A draft that cannot be logged.

    Attributes:
        code: ``conflict``: its ``ref`` was used for something else. ``not_found``: there is no such
            message in the room, or it is deleted. ``forbidden``: it is another author's.
            ``internal``: the store will not have it, and will not the next time.
    """

    code: ErrorCode


Outcome = Stored | Repeated | Refused


@define
class Commit:
    """What came of a batch.

    Attributes:
        outcomes: One for each draft, in their order.
        grown: Those marks that are higher now than they were before.
    """

    outcomes: Sequence[Outcome]
    grown: Sequence[ReadMarker] = ()


CommitNowait = Callable[[Sequence[Draft], Sequence[ReadMarker]], Commit]
"""`Store.append` without waiting: atomic, and never out of reach."""


class Store(Protocol):
    """Where events are kept. Only the hub appends; anybody may read.

    Every call ends within seconds. `trio_chat.errors.Outage` means that the store is unreachable;
    whether anything was committed is unknown then. The same holds after a cancellation.
    """

    @property
    def epoch(self) -> str:
        """The identity of the store's present history, in visible ASCII, unlike every other one.

        A durable store keeps it across restarts; a store in memory makes one at each start. It
        changes when another history replaces this one. Reading it waits for nothing.
        """

    @property
    def commit_nowait(self) -> CommitNowait | None:
        """The same as `append`, of a store that never has to wait; None for any other."""

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        """Commit a batch, in one go, and number its events.

        A draft with an author that has a device, and with a ``ref``, is looked for first among
        those of the last 24 hours (10 minutes in memory), the earlier ones of this batch among
        them: it is logged once, whoever sends it again meanwhile. An edit or a deletion changes
        its target in the same step: from then on every page shows the newest text, or none, and
        the old ones are gone.

        Args:
            drafts: In the order they are to have; may be of several rooms.
            marks: What has been read; a mark below the one that is kept changes nothing.

        Raises:
            HistoryReplaced: The log holds another history than before, and has a new `epoch`. None
                of the batch has been committed.
            Outage: See above. None of the batch has been committed, or all of it.
        """

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read the newest events whose ``seq`` is below a bound; ``more`` means older ones.

        Args:
            room: The room; one that was never heard of is empty.
            before: The bound, exclusive.
            limit: The most events, at least 1. A page is shorter if its texts exceed `PAGE_BYTES`.

        Raises:
            Outage: See above.
        """

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        """Read the oldest events whose ``seq`` is above a bound; ``more`` means newer ones.

        A log that forgets begins with the oldest it has.

        Args:
            room: The room; one that was never heard of is empty.
            after: The bound, exclusive.
            limit: The most events, at least 1. A page is shorter if its texts exceed `PAGE_BYTES`.

        Raises:
            Outage: See above.
        """

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        """How far each of some rooms has come.

        One that was never heard of begins its life with this.

        Raises:
            Outage: See above.
        """

    async def marks(self, room: str, users: Sequence[str]) -> Mapping[str, int]:
        """Up to where these users, by the keys of their names, have read; who has not is left out.

        Raises:
            Outage: See above.
        """

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        """Up to where each user has read who has, by the keys of their names.

        Returns:
            None if these are more than ``most`` users.

        Raises:
            Outage: See above.
        """

    async def take_new_epoch(self, known: str) -> str:
        """Declare that another history has taken the place of the one that was known.

        Several processes that find this out agree on one new epoch. No event is lost or changed.

        Args:
            known: The epoch of the history that is no more. If `epoch` is another one already,
                nothing happens.

        Returns:
            The epoch of the present history.

        Raises:
            Outage: See above.
        """

    async def forget(self, room: str) -> None:
        """The room has been empty for an hour: a store that lives in memory lets it go."""


def take_page(events: Iterable[Event], limit: int) -> tuple[list[Event], bool]:
    """Take the events of a page, no further than its limits.

    Args:
        events: In the order of reading.
        limit: The most events.

    Returns:
        The events, and whether there are more.
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
    """What a ``ref`` stands for: type, room, target and text, and nothing of them in the clear.

    Returns:
        16 bytes.
    """
    parts = (draft.kind, draft.room, draft.target or "", draft.message)
    # No part but the last can have a NUL.
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]


def is_own(theirs: Author | None, ours: Author | None) -> bool:
    """Whether who wrote a message is who wants to change it.

    Args:
        theirs: The author of the message; None for a notice, which is nobody's.
        ours: The author of the edit or deletion.
    """
    if theirs is None or ours is None or theirs.user != ours.user:
        return False
    return ours.is_proven or (bool(ours.device) and theirs.device == ours.device)

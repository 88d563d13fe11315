"""What a client is shown of what was before: on joining, and page by page."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar, TypeVarTuple

import trio

from trio_chat.errors import DamagedData, HistoryReplaced
from trio_chat.fair_queue import FairQueue, Shares
from trio_chat.log.base import Log, Page
from trio_chat.protocol.encode import fits, plain_events
from trio_chat.protocol.events import Event
from trio_chat.protocol.intents import LookBack
from trio_chat.protocol.membership import Admission, Gap
from trio_chat.protocol.messages import History, Joined
from trio_chat.settings import Settings

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

READERS: Final = 4
"""Readings of the store in progress, for all clients. The hub reads beside them, so it never waits
behind a crowd; and more threads would only take the event loop's time from each other."""

SHARES_OF_ADDRESS: Final = 32
"""Answers to one address that are read, or that its clients have not taken yet: 8 MiB at most."""

MOST_WAITING: Final = 4096
"""Clients of one address that may wait for a share; as many as may wait to be accepted."""

LARGE_EVENTS: Final = 100
LARGE_CHARS: Final = 64 * 1024
"""A page of more is encoded in a thread: it takes milliseconds, compressed even more."""

_FOR_EVER = (1 << 53) - 1
"""Above every ``seq``."""


class Archive:
    """Reads the log for clients. Every call may raise `trio_chat.errors.Outage`.

    A page of another history than the one its client knows is never shown: `HistoryReplaced`.

    Args:
        log: The log.
        settings: How much is shown.
        wall_ms: Milliseconds since 1970 UTC.
    """

    def __init__(self, log: Log, settings: Settings, wall_ms: Callable[[], int]) -> None:
        self._log = log
        self._settings = settings
        self._wall_ms = wall_ms
        self._readers = FairQueue(READERS)
        self._shares = Shares(SHARES_OF_ADDRESS)

    def share(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a share of the address; to be held until the client has taken the answer."""
        return self._shares.share(address)

    def turn(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a turn to read; addresses have theirs one after the other."""
        return self._readers.place(address)

    def is_crowded(self, address: str) -> bool:
        """Whether too many clients of an address wait already."""
        return self._shares.waiting(address) >= MOST_WAITING

    async def plain_history(self, admission: Admission) -> History | None:
        """What a plain connection is shown on joining; None if there is nothing."""
        page = await self._newest(admission)
        events = plain_events(page.events)
        room = admission.join.room
        return History(room, events, page.more, self._wall_ms()) if events else None

    async def joined(self, admission: Admission) -> Joined:
        """The answer to a join, in version 2: with what was missed, or the newest events."""
        join = admission.join
        missed = await self._missed(admission)
        page = Page(missed, more=False) if missed is not None else await self._newest(admission)
        own = join.name.key
        marks = await self._log.marks(
            join.room, [own, *(name.key for name in admission.roster if name.key != own)]
        )
        admission.show_read(
            {name.shown: marks[name.key] for name in admission.roster if name.key in marks}
        )
        return Joined(
            room=join.room,
            epoch=admission.epoch,
            head=admission.cut,
            read=marks.get(own, 0),
            users=tuple(name.shown for name in admission.roster),
            count=admission.count,
            reads={
                name.shown: marks[name.key]
                for name in admission.roster
                if name.key != own and name.key in marks
            },
            recovered=missed is not None,
            history=page.events,
            more=page.more,
            ref=join.ref,
        )

    async def page(self, asked: LookBack, epoch: str | None) -> History:
        """The page of history a client asks for.

        Args:
            asked: What it asked for.
            epoch: The epoch that the client knows; None if it knows none.

        Raises:
            HistoryReplaced: The page is of another history.
        """
        is_forward = asked.after is not None
        if asked.after is not None:
            page = await self._log.read_after(asked.room, asked.after, asked.limit)
        else:
            before = _FOR_EVER if asked.before is None else asked.before
            page = await self._log.read_before(asked.room, before, asked.limit)
        if epoch is not None:
            _check(page, epoch)
        return History(asked.room, page.events, page.more, self._wall_ms(), is_forward, asked.ref)

    async def between(self, admission: Admission, gap: Gap, limit: int) -> tuple[Event, ...]:
        """Read the first events of a gap, at most so many; none if the store has forgotten them."""
        room, most = admission.join.room, min(limit, gap.upto - gap.after)
        page = _check(await self._log.read_after(room, gap.after, most), admission.epoch)
        return page.events if page.events and page.events[0].seq == gap.after + 1 else ()

    async def _newest(self, admission: Admission) -> Page:
        page = await self._log.read_before(
            admission.join.room, admission.cut + 1, self._settings.history_size
        )
        return _check(page, admission.epoch)

    async def _missed(self, admission: Admission) -> tuple[Event, ...] | None:
        """Exactly what a client has missed that knows the room up to somewhere.

        Returns:
            None if that can't be said, or is too much (docs/reference/wire.md, promise 5).
        """
        since = admission.join.since
        if since.since is None or since.epoch != admission.epoch:
            return None
        count = admission.cut - since.since
        if not 0 <= count <= self._settings.resume_size:
            return None
        if not count:
            return ()
        try:
            page = await self._log.read_after(admission.join.room, since.since, count)
        except DamagedData:
            return None  # the newest events may be well
        _check(page, admission.epoch)
        # A log that lives in memory may have forgotten the first of them.
        is_whole = len(page.events) == count and page.events[0].seq == since.since + 1
        if not is_whole:
            return None
        return page.events if await in_thread_if_large(page.events, fits, page.events) else None


def is_large(events: Sequence[Event]) -> bool:
    """Whether the event loop should not encode these."""
    return len(events) > LARGE_EVENTS or sum(len(event.message) for event in events) > LARGE_CHARS


async def in_thread_if_large(
    events: Sequence[Event], call: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> _Result:
    """Call a function that encodes these events, so that the event loop is not held up."""
    if is_large(events):
        return await trio.to_thread.run_sync(call, *arguments, abandon_on_cancel=True)
    return call(*arguments)


def _check(page: Page, epoch: str) -> Page:
    if page.epoch not in (None, epoch):
        raise HistoryReplaced("the page is of another history")
    return page

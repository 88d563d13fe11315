"""Reads history for clients: when they join, and page by page.

`trio_chat.websocket.history` sends the results. The newest events and the read markers of a
room come from memory (`trio_chat.store.recent`). If they are not there yet, the first client that
needs them reads the store, and the others wait for it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, TypeVar, TypeVarTuple

import trio

from trio_chat.context import Context
from trio_chat.errors import DamagedData, HistoryReplaced
from trio_chat.fair_queue import FairQueue, Shares
from trio_chat.hub.subscription import Gap, Subscription
from trio_chat.protocol.commands import ReadHistory
from trio_chat.protocol.encode import encode_history, plain_events
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import History, Joined
from trio_chat.store.base import Page, Store
from trio_chat.store.recent import MOST_MARKS, RecentPages

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

READERS: Final = 4
"""Reads of the store at the same time, for all clients. The hub's reads are separate, so they never
wait for these. More threads would only compete for the interpreter."""

SHARES_OF_ADDRESS: Final = 32
"""Answers in progress for one address, until its clients have received them: 8 MiB at most."""

MOST_WAITING: Final = 4096
"""Clients of one address that may wait for a share: as many as may wait to be accepted."""

LARGE_EVENTS: Final = 100
LARGE_CHARS: Final = 64 * 1024
"""A thread encodes larger pages, which takes milliseconds. Events encoded before do not
count, unless the page is compressed."""

SHORT_BYTES: Final = 16 * 1024
"""Answers up to this size are sent at once."""

_FOR_EVER = (1 << 53) - 1
"""Above every ``seq``."""

_NOTHING: Final = Page((), more=False)


class HistoryReader:
    """Reads the store for clients. Every async method may raise `trio_chat.errors.Outage`.

    If the store has another history than the client knows, it raises `HistoryReplaced`.

    Args:
        store: The store.
        recent: The recent events in memory.
        context: The context of the server.
    """

    def __init__(self, store: Store, recent: RecentPages, context: Context) -> None:
        self._store = store
        self._recent = recent
        self._settings = context.settings
        self._wall_ms = context.wall_ms
        self._readers = FairQueue(READERS)
        self._shares = Shares(SHARES_OF_ADDRESS)
        self._fills = Shares(1)
        """By room: one client at a time reads it into memory."""

    def share(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a share of the address, which lasts until the client has received the answer."""
        return self._shares.share(address)

    def turn(self, address: str) -> AbstractAsyncContextManager[None]:
        """Wait for a turn to read the store; addresses take turns."""
        return self._readers.place(address)

    def is_crowded(self, address: str) -> bool:
        """Whether too many clients of an address are waiting."""
        return self._shares.waiting(address) >= MOST_WAITING

    async def plain_history(self, admission: Subscription) -> History | None:
        """Read the history for a plain client that joins; None if it is empty."""
        return self._plain(admission, await self._newest(admission))

    def recent_answer(self, admission: Subscription) -> Joined | History | None:
        """Return the answer to a join if it is short and in memory, else None."""
        room, epoch, cut = admission.join.room, admission.epoch, admission.cut
        count = self._to_resume(admission)
        if count is None:
            page = self._recent.before(room, epoch, cut, self._settings.history_size)
        else:
            page = self._recent.after(room, epoch, cut - count, count, cut) if count else _NOTHING
        if page is None or (count is not None and not _is_whole(page, cut - count, count)):
            return None
        if page.json is None:
            if is_large(page.events, Encoding.PLAIN):
                return None
            page.json = encode_history(page.events)
        if page.json is None or len(page.json) > SHORT_BYTES:
            return None
        if not admission.join.member.encoding.is_version_2:
            return self._plain(admission, page)
        marks: Mapping[str, int] | None = {}
        if not self._recent.has_no_marks(room, epoch):
            marks = self._recent.marks(room, epoch, _users(admission))
        if marks is None:
            return None
        return _joined(admission, page, marks, is_recovered=count is not None)

    async def joined(self, admission: Subscription) -> Joined:
        """Read the answer to a join of version 2: the missed events, or the newest ones."""
        join = admission.join
        missed = await self._missed(admission)
        page = missed or await self._newest(admission)
        marks: Mapping[str, int] = {}
        if not self._recent.has_no_marks(join.room, admission.epoch):
            marks = await self._marks(admission, _users(admission))
        return _joined(admission, page, marks, is_recovered=missed is not None)

    def recent_page(self, asked: ReadHistory, epoch: str | None) -> History | None:
        """Return the page of history for a request if it is in memory, else None.

        Args:
            asked: The request.
            epoch: The epoch that the client knows; None if it knows none.
        """
        if epoch is None:
            return None
        if asked.after is not None:
            page = self._recent.after(asked.room, epoch, asked.after, asked.limit)
        else:
            upto = None if asked.before is None else asked.before - 1
            page = self._recent.before(asked.room, epoch, upto, asked.limit)
        return None if page is None else self._history(asked, page)

    async def page(self, asked: ReadHistory, epoch: str | None) -> History:
        """Read the page of history for a request. Wait for a `turn` before.

        Args:
            asked: The request.
            epoch: The epoch that the client knows; None if it knows none.

        Raises:
            HistoryReplaced: The store has another history.
        """
        if asked.after is not None:
            page = await self._store.read_after(asked.room, asked.after, asked.limit)
        else:
            before = _FOR_EVER if asked.before is None else asked.before
            page = await self._store.read_before(asked.room, before, asked.limit)
        if epoch is not None:
            _check(page, epoch)
        return self._history(asked, page)

    async def between(self, admission: Subscription, gap: Gap, limit: int) -> tuple[Event, ...]:
        """Read the first events of a gap, up to a limit; none if the store has lost them."""
        room, most = admission.join.room, min(limit, gap.upto - gap.after)
        page = _check(await self._store.read_after(room, gap.after, most), admission.epoch)
        return page.events if page.events and page.events[0].seq == gap.after + 1 else ()

    def _plain(self, admission: Subscription, page: Page) -> History | None:
        events = plain_events(page.events)
        room = admission.join.room
        return History(room, events, page.more, self._wall_ms()) if events else None

    def _history(self, asked: ReadHistory, page: Page) -> History:
        is_forward = asked.after is not None
        return History(asked.room, page.events, page.more, self._wall_ms(), is_forward, asked.ref)

    async def _newest(self, admission: Subscription) -> Page:
        room, epoch, cut = admission.join.room, admission.epoch, admission.cut
        limit = self._settings.history_size
        page = self._recent.before(room, epoch, cut, limit)
        if page is None:
            await self._fill(admission, limit)
            page = self._recent.before(room, epoch, cut, limit)
        if page is None:
            page = await self._read(admission, self._store.read_before, room, cut + 1, limit)
        return _check(page, epoch)

    async def _after(self, admission: Subscription, after: int, limit: int) -> Page:
        """Read the events from a ``seq`` up to the cut."""
        room, epoch, cut = admission.join.room, admission.epoch, admission.cut
        page = self._recent.after(room, epoch, after, limit, cut)
        if page is None:
            await self._fill(admission, max(limit, self._settings.history_size))
            page = self._recent.after(room, epoch, after, limit, cut)
        if page is None:
            page = await self._read(admission, self._store.read_after, room, after, limit)
        return _check(page, epoch)

    async def _marks(self, admission: Subscription, users: Sequence[str]) -> Mapping[str, int]:
        room, epoch = admission.join.room, admission.epoch
        marks = self._recent.marks(room, epoch, users)
        if marks is None and self._recent.takes_marks(room, epoch):
            async with self._fills.share(room):
                if self._recent.takes_marks(room, epoch):  # no other client has
                    with suppress(DamagedData), self._recent.filling(room) as filling:
                        filling.keep_marks(
                            await self._read(admission, self._store.all_marks, room, MOST_MARKS)
                        )
            marks = self._recent.marks(room, epoch, users)
        if marks is None:
            marks = await self._read(admission, self._store.marks, room, users)
        return marks

    async def _fill(self, admission: Subscription, limit: int) -> None:
        """Read the newest events into memory, unless another client does."""
        room, epoch, cut = admission.join.room, admission.epoch, admission.cut
        if not self._recent.takes_page(room, epoch, cut, limit):
            return
        async with self._fills.share(room):
            most = self._recent.takes_page(room, epoch, cut, limit)
            if not most or self._recent.before(room, epoch, cut, limit) is not None:
                return
            # The events that this client needs may be intact.
            with suppress(DamagedData), self._recent.filling(room) as filling:
                page = await self._read(admission, self._store.read_before, room, _FOR_EVER, most)
                filling.keep_page(_check(page, epoch))

    async def _read(
        self,
        admission: Subscription,
        call: Callable[[*_Arguments], Awaitable[_Result]],
        *arguments: *_Arguments,
    ) -> _Result:
        """Call the store, in the client's turn."""
        async with self.turn(admission.join.address):
            return await call(*arguments)

    async def in_thread_if_large(
        self,
        address: str,
        encoding: Encoding,
        events: Sequence[Event],
        call: Callable[[*_Arguments], _Result],
        *arguments: *_Arguments,
    ) -> _Result:
        """Call a function that encodes events; in a thread if they would hold the event loop."""
        if not is_large(events, encoding):
            return call(*arguments)
        async with self.turn(address):
            return await trio.to_thread.run_sync(call, *arguments, abandon_on_cancel=True)

    async def _missed(self, admission: Subscription) -> Page | None:
        """Read exactly the events that a resuming client has missed.

        Returns:
            None if that is impossible, or too much (docs/reference/wire.md, promise 5).
        """
        count = self._to_resume(admission)
        if not count:
            return None if count is None else _NOTHING
        since = admission.cut - count
        try:
            page = await self._after(admission, since, count)
        except DamagedData:
            return None  # the newest events may be intact
        # A store in memory may have evicted the first of them.
        if not _is_whole(page, since, count):
            return None
        if page.json is None:
            address, events = admission.join.address, page.events
            page.json = await self.in_thread_if_large(
                address, Encoding.PLAIN, events, encode_history, events
            )
        return page if page.json is not None else None

    def _to_resume(self, admission: Subscription) -> int | None:
        """Return how many events a client has missed; None if it cannot resume."""
        since = admission.join.since
        if since.since is None or since.epoch != admission.epoch:
            return None
        count = admission.cut - since.since
        return count if 0 <= count <= self._settings.resume_size else None


def _is_whole(page: Page, after: int, count: int) -> bool:
    """Whether a page has exactly this many events after a ``seq``."""
    events = page.events
    return len(events) == count and (not count or events[0].seq == after + 1)


def is_large(events: Sequence[Event], encoding: Encoding) -> bool:
    """Whether encoding these events would hold the event loop too long."""
    if not encoding.is_deflated:
        events = [event for event in events if not event.encoded]
    return len(events) > LARGE_EVENTS or sum(len(event.message) for event in events) > LARGE_CHARS


def _users(admission: Subscription) -> Sequence[str]:
    """Return the keys of the users whose read markers a joining client receives, its own first."""
    own = admission.join.name.key
    return [own, *(name.key for name in admission.members if name.key != own)]


def _joined(
    admission: Subscription, page: Page, marks: Mapping[str, int], *, is_recovered: bool
) -> Joined:
    join, members = admission.join, admission.members
    own = join.name.key
    reads: dict[str, int] = {}
    if marks:
        admission.show_read({name.shown: marks[name.key] for name in members if name.key in marks})
        reads = {
            name.shown: marks[name.key] for name in members if name.key != own and name.key in marks
        }
    return Joined(
        room=join.room,
        epoch=admission.epoch,
        head=admission.cut,
        read=marks.get(own, 0),
        users=tuple(name.shown for name in members),
        count=admission.count,
        reads=reads,
        recovered=is_recovered,
        history=page.events,
        more=page.more and not is_recovered,
        ref=join.ref,
        json=page.json,
    )


def _check(page: Page, epoch: str) -> Page:
    if page.epoch not in (None, epoch):
        raise HistoryReplaced("the store has another history")
    return page

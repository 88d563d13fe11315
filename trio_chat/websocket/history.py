"""Reads history for clients: when they join, and page by page.

`trio_chat.websocket.joining` sends the results. The newest events and the read markers of a room
come from memory (`trio_chat.store.recent`). If they are not there yet, the first client that needs
them reads the store, and the others wait for it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import trio

from trio_chat.context import Context
from trio_chat.errors import DamagedData, HistoryReplaced
from trio_chat.fair_queue import FairQueue, Shares
from trio_chat.hub.requests import Member
from trio_chat.hub.subscription import Gap, Subscription
from trio_chat.protocol.commands import ReadHistory
from trio_chat.protocol.encode import encode, encode_history, plain_events
from trio_chat.protocol.encodings import TEXT, Encoding, message_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import History, Joined, ServerMessage
from trio_chat.store.base import Page, Store
from trio_chat.store.recent import MOST_MARKS, RecentPages

_Result = TypeVar("_Result")

# Reads of the store at the same time, for all clients. The hub's reads are separate, so they never
# wait for these. More threads would only compete for the interpreter.
READERS: Final = 4

# Answers in progress for one address, until its clients have received them: 8 MiB at most.
SHARES_OF_ADDRESS: Final = 32

# A thread encodes larger pages, which takes milliseconds.
LARGE_EVENTS: Final = 100
LARGE_CHARS: Final = 64 * 1024

SHORT_BYTES: Final = 16 * 1024
"""Answers up to this size are sent at once."""

_FOR_EVER: Final = (1 << 53) - 1  # above every ``seq``

_NOTHING: Final = Page((), more=False)


class HistoryReader:
    """Reads the store for clients. Every async method may raise `trio_chat.errors.Outage`.

    If the store has another history than the client knows, it raises `HistoryReplaced`.

    Attributes:
        turns: The reads of the store; addresses take turns.
        shares: By address, the answers in progress, until the clients have received them.
    """

    def __init__(self, store: Store, recent: RecentPages, context: Context) -> None:
        self.turns = FairQueue(READERS)
        self.shares = Shares(SHARES_OF_ADDRESS)
        self._fills = Shares(1)  # by room: one client at a time reads it into memory
        self._store = store
        self._recent = recent
        self._settings = context.settings
        self._wall_ms = context.wall_ms

    # --- joins -----------------------------------------------------------------------------------

    def recent_answer(self, subscription: Subscription) -> list[bytes] | None:
        """Return the answer to a join, as frames, if it is short and in memory."""
        count = self._missed_count(subscription)
        page = self._recent_events(subscription, count)
        if page is None or not _is_whole(page, subscription, count):
            return None
        if page.json is None and not is_large(page.events, Encoding.PLAIN):
            page.json = encode_history(page.events)  # for `answer`, too
        if page.json is None or len(page.json) > SHORT_BYTES:
            return None
        marks = self._recent_marks(subscription)
        if marks is None:
            return None
        answer = self._answer(subscription, page, marks, is_recovered=count is not None)
        frames = [frame_of(subscription.join.member, answer)] if answer is not None else []
        return frames if sum(map(len, frames)) <= SHORT_BYTES else None

    async def answer(self, subscription: Subscription) -> list[bytes]:
        """Read the answer to a join, as frames: the missed events, or the newest ones."""
        missed = await self._missed(subscription)
        page = missed or await self._events(subscription, None)
        marks = await self._marks(subscription)
        answer = self._answer(subscription, page, marks, is_recovered=missed is not None)
        join = subscription.join
        return [await self.frame(join.member, join.address, answer)] if answer is not None else []

    async def between(self, subscription: Subscription, gap: Gap, limit: int) -> tuple[Event, ...]:
        """Read the first events of a gap, up to a limit; none if the store has lost them."""
        room, most = subscription.join.room, min(limit, gap.upto - gap.after)
        page = _check(await self._store.read_after(room, gap.after, most), subscription.epoch)
        return page.events if page.events and page.events[0].seq == gap.after + 1 else ()

    # --- pages -----------------------------------------------------------------------------------

    def recent_page(self, asked: ReadHistory, epoch: str | None) -> History | None:
        """Return a page if it is in memory; ``epoch`` is the one that the client knows, if any."""
        if epoch is None:
            return None
        if asked.after is not None:
            page = self._recent.after(asked.room, epoch, asked.after, asked.limit)
        else:
            upto = None if asked.before is None else asked.before - 1
            page = self._recent.before(asked.room, epoch, upto, asked.limit)
        return None if page is None else self._history(asked, page)

    async def page(self, asked: ReadHistory, epoch: str | None) -> History:
        """Read a page from the store. Take one of the `turns` before."""
        if asked.after is not None:
            page = await self._store.read_after(asked.room, asked.after, asked.limit)
        else:
            before = _FOR_EVER if asked.before is None else asked.before
            page = await self._store.read_before(asked.room, before, asked.limit)
        return self._history(asked, page if epoch is None else _check(page, epoch))

    async def frame(self, member: Member, address: str, message: History | Joined) -> bytes:
        """Encode events for a member; in a thread if they would hold the event loop."""
        call = partial(frame_of, member, message)
        return await self._in_thread_if_large(address, member.encoding, message.events, call)

    # --- inside ----------------------------------------------------------------------------------

    def _history(self, asked: ReadHistory, page: Page) -> History:
        is_forward = asked.after is not None
        return History(asked.room, page.events, page.more, self._wall_ms(), is_forward, asked.ref)

    def _answer(
        self,
        subscription: Subscription,
        page: Page,
        marks: Mapping[str, int],
        *,
        is_recovered: bool,
    ) -> Joined | History | None:
        """Return the answer to a join; a plain client without history receives none."""
        join, members = subscription.join, subscription.members
        if not join.member.encoding.is_version_2:
            events = plain_events(page.events)
            return History(join.room, events, page.more, self._wall_ms()) if events else None
        own = join.name.key
        read = [(name, marks[name.key]) for name in members if name.key in marks] if marks else []
        if read:
            subscription.show_read({name.shown: seq for name, seq in read})
        return Joined(
            room=join.room,
            epoch=subscription.epoch,
            head=subscription.cut,
            read=marks.get(own, 0),
            users=tuple(name.shown for name in members),
            count=subscription.count,
            reads={name.shown: seq for name, seq in read if name.key != own},
            recovered=is_recovered,
            events=page.events,
            more=page.more and not is_recovered,
            ref=join.ref,
            json=page.json,
        )

    def _missed_count(self, subscription: Subscription) -> int | None:
        """Return how many events a client has missed; None if it cannot resume."""
        since = subscription.join.since
        if since.since is None or since.epoch != subscription.epoch:
            return None
        count = subscription.cut - since.since
        return count if 0 <= count <= self._settings.resume_size else None

    async def _missed(self, subscription: Subscription) -> Page | None:
        """Read exactly the events that a resuming client has missed.

        Returns:
            None if that is impossible, or too much (docs/reference/wire.md, promise 5).
        """
        count = self._missed_count(subscription)
        if not count:
            return None if count is None else _NOTHING
        try:
            page = await self._events(subscription, count)
        except DamagedData:
            return None  # the newest events may be intact
        # A store in memory may have evicted the first of them.
        if not _is_whole(page, subscription, count):
            return None
        if page.json is None:
            address, call = subscription.join.address, partial(encode_history, page.events)
            page.json = await self._in_thread_if_large(address, Encoding.PLAIN, page.events, call)
        return page if page.json is not None else None

    def _recent_events(self, subscription: Subscription, count: int | None) -> Page | None:
        """Return the last events up to the cut, ``count`` or a page of them, if in memory."""
        room, epoch, cut = subscription.join.room, subscription.epoch, subscription.cut
        if count is None:
            return self._recent.before(room, epoch, cut, self._settings.history_size)
        return self._recent.after(room, epoch, cut - count, count, cut) if count else _NOTHING

    async def _events(self, subscription: Subscription, count: int | None) -> Page:
        """Read the events up to the cut; see `_recent_events`."""
        room, cut, size = subscription.join.room, subscription.cut, self._settings.history_size
        page = self._recent_events(subscription, count)
        if page is None:
            await self._fill(subscription, max(count or 0, size))
            page = self._recent_events(subscription, count)
        if page is None:
            async with self.turns.place(subscription.join.address):
                if count is None:
                    page = await self._store.read_before(room, cut + 1, size)
                else:
                    page = await self._store.read_after(room, cut - count, count)
        return _check(page, subscription.epoch)

    async def _fill(self, subscription: Subscription, limit: int) -> None:
        """Read the newest events into memory, unless another client does."""
        room, epoch, cut = subscription.join.room, subscription.epoch, subscription.cut
        if not self._recent.takes_page(room, epoch, cut, limit):
            return
        async with self._fills.share(room):
            most = self._recent.takes_page(room, epoch, cut, limit)
            if not most or self._recent.before(room, epoch, cut, limit) is not None:
                return
            # The events that this client needs may be intact.
            with suppress(DamagedData), self._recent.filling(room) as filling:
                async with self.turns.place(subscription.join.address):
                    page = await self._store.read_before(room, _FOR_EVER, most)
                filling.keep_page(_check(page, epoch))

    def _recent_marks(self, subscription: Subscription) -> Mapping[str, int] | None:
        """Return the read markers that the client receives, if they are in memory."""
        room, epoch = subscription.join.room, subscription.epoch
        is_version_2 = subscription.join.member.encoding.is_version_2
        if not is_version_2 or self._recent.has_no_marks(room, epoch):
            return {}
        return self._recent.marks(room, epoch, _users(subscription))

    async def _marks(self, subscription: Subscription) -> Mapping[str, int]:
        """Read the markers that the client receives, and all others into memory."""
        room, epoch = subscription.join.room, subscription.epoch
        address = subscription.join.address
        marks = self._recent_marks(subscription)
        if marks is None and self._recent.takes_marks(room, epoch):
            async with self._fills.share(room):
                if self._recent.takes_marks(room, epoch):  # no other client has
                    with suppress(DamagedData), self._recent.filling(room) as filling:
                        async with self.turns.place(address):
                            filling.keep_marks(await self._store.all_marks(room, MOST_MARKS))
            marks = self._recent_marks(subscription)
        if marks is None:
            async with self.turns.place(address):
                marks = await self._store.marks(room, _users(subscription))
        return marks

    async def _in_thread_if_large(
        self, address: str, encoding: Encoding, events: Sequence[Event], call: Callable[[], _Result]
    ) -> _Result:
        if not is_large(events, encoding):
            return call()
        async with self.turns.place(address):
            return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


def frame_of(member: Member, message: ServerMessage) -> bytes:
    """Return a message as a frame in the encoding of a member."""
    return message_frame(member.encoding, TEXT, encode(message))


def is_large(events: Sequence[Event], encoding: Encoding) -> bool:
    """Whether encoding these events would hold the event loop too long."""
    if not encoding.is_deflated:  # otherwise JSON that exists already takes time, too
        events = [event for event in events if not event.encoded]
    return len(events) > LARGE_EVENTS or sum(len(event.message) for event in events) > LARGE_CHARS


def _is_whole(page: Page, subscription: Subscription, count: int | None) -> bool:
    """Whether a page has the last ``count`` events up to the cut; None accepts any page."""
    events = page.events
    if not count:
        return count is None or not events
    return len(events) == count and events[0].seq == subscription.cut - count + 1


def _users(subscription: Subscription) -> Sequence[str]:
    """Return the keys of the users whose read markers a joining client receives, its own first."""
    own = subscription.join.name.key
    return [own, *(name.key for name in subscription.members if name.key != own)]


def _check(page: Page, epoch: str) -> Page:
    if page.epoch not in (None, epoch):
        raise HistoryReplaced("the store has another history")
    return page

"""Reads history for clients: when they join, and page by page.

`trio_chat.websocket.joining` sends the results. The newest events and the read markers of a room
come from memory (`trio_chat.store.recent`). If they are not there yet, the first client that needs
them reads the store, and the others wait for it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar, TypeVarTuple

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
_Arguments = TypeVarTuple("_Arguments")

READERS: Final = 4
"""Reads of the store at the same time, for all clients. The hub's reads are separate, so they never
wait for these. More threads would only compete for the interpreter."""

SHARES_OF_ADDRESS: Final = 32
"""Answers in progress for one address, until its clients have received them: 8 MiB at most."""

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

    Attributes:
        turns: The reads of the store; addresses take turns.
        shares: By address, the answers in progress, until the clients have received them.
    """

    def __init__(self, store: Store, recent: RecentPages, context: Context) -> None:
        self.turns = FairQueue(READERS)
        self.shares = Shares(SHARES_OF_ADDRESS)
        self._fills = Shares(1)
        """By room: one client at a time reads it into memory."""
        self._store = store
        self._recent = recent
        self._settings = context.settings
        self._wall_ms = context.wall_ms

    # --- joins -----------------------------------------------------------------------------------

    def recent_answer(self, subscription: Subscription) -> bytes | None:
        """Return the answer to a join, as a frame, if it is short and in memory."""
        count = self._to_resume(subscription)
        page = self._recent_events(subscription, count)
        if page is None or (count is not None and not _is_whole(page, subscription, count)):
            return None
        if page.json is None and not is_large(page.events, Encoding.PLAIN):
            page.json = encode_history(page.events)
        if page.json is None or len(page.json) > SHORT_BYTES:
            return None
        member = subscription.join.member
        answer: Joined | History | None = None
        if not member.encoding.is_version_2:
            answer = self._plain(subscription, page)
        else:
            room, epoch = subscription.join.room, subscription.epoch
            marks: Mapping[str, int] | None = {}
            if not self._recent.has_no_marks(room, epoch):
                marks = self._recent.marks(room, epoch, _users(subscription))
            if marks is not None:
                answer = _joined(subscription, page, marks, is_recovered=count is not None)
        frame = frame_of(member, answer) if answer is not None else None
        return frame if frame is not None and len(frame) <= SHORT_BYTES else None

    async def answer(self, subscription: Subscription) -> list[bytes]:
        """Read the answer to a join, as frames: the missed events, or the newest ones."""
        join = subscription.join
        if not join.member.encoding.is_version_2:
            history = self._plain(subscription, await self._events(subscription, None))
            return [await self.frame(join.member, join.address, history)] if history else []
        missed = await self._missed(subscription)
        page = missed or await self._events(subscription, None)
        marks: Mapping[str, int] = {}
        if not self._recent.has_no_marks(join.room, subscription.epoch):
            marks = await self._marks(subscription)
        joined = _joined(subscription, page, marks, is_recovered=missed is not None)
        return [await self.frame(join.member, join.address, joined)]

    async def between(self, subscription: Subscription, gap: Gap, limit: int) -> tuple[Event, ...]:
        """Read the first events of a gap, up to a limit; none if the store has lost them."""
        room, most = subscription.join.room, min(limit, gap.upto - gap.after)
        page = _check(await self._store.read_after(room, gap.after, most), subscription.epoch)
        return page.events if page.events and page.events[0].seq == gap.after + 1 else ()

    # --- pages -----------------------------------------------------------------------------------

    def recent_page(self, asked: ReadHistory, epoch: str | None) -> History | None:
        """Return the page for a request if it is in memory, else None.

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
        """Read the page for a request from the store. Take one of the `turns` before."""
        if asked.after is not None:
            page = await self._store.read_after(asked.room, asked.after, asked.limit)
        else:
            before = _FOR_EVER if asked.before is None else asked.before
            page = await self._store.read_before(asked.room, before, asked.limit)
        return self._history(asked, page if epoch is None else _check(page, epoch))

    async def frame(self, member: Member, address: str, message: History | Joined) -> bytes:
        """Encode events for a member; in a thread if they would hold the event loop."""
        events = message.events if isinstance(message, History) else message.history
        return await self._in_thread_if_large(
            address, member.encoding, events, frame_of, member, message
        )

    # --- inside ----------------------------------------------------------------------------------

    def _plain(self, subscription: Subscription, page: Page) -> History | None:
        events = plain_events(page.events)
        room = subscription.join.room
        return History(room, events, page.more, self._wall_ms()) if events else None

    def _history(self, asked: ReadHistory, page: Page) -> History:
        is_forward = asked.after is not None
        return History(asked.room, page.events, page.more, self._wall_ms(), is_forward, asked.ref)

    def _to_resume(self, subscription: Subscription) -> int | None:
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
        count = self._to_resume(subscription)
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
            address, events = subscription.join.address, page.events
            page.json = await self._in_thread_if_large(
                address, Encoding.PLAIN, events, encode_history, events
            )
        return page if page.json is not None else None

    def _recent_events(self, subscription: Subscription, count: int | None) -> Page | None:
        """Return the events up to the cut, if they are in memory.

        Args:
            subscription: The subscription.
            count: How many events; None for as many as a joining client receives.
        """
        room, epoch, cut = subscription.join.room, subscription.epoch, subscription.cut
        if count is None:
            return self._recent.before(room, epoch, cut, self._settings.history_size)
        return self._recent.after(room, epoch, cut - count, count, cut) if count else _NOTHING

    async def _events(self, subscription: Subscription, count: int | None) -> Page:
        """Read the events up to the cut; see `_recent_events`."""
        page = self._recent_events(subscription, count)
        if page is None:
            await self._fill(subscription, max(count or 0, self._settings.history_size))
            page = self._recent_events(subscription, count)
        if page is None:
            room, cut = subscription.join.room, subscription.cut
            async with self.turns.place(subscription.join.address):
                if count is None:
                    size = self._settings.history_size
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

    async def _marks(self, subscription: Subscription) -> Mapping[str, int]:
        """Read the markers of the members, and all others into memory."""
        room, epoch, users = subscription.join.room, subscription.epoch, _users(subscription)
        address = subscription.join.address
        marks = self._recent.marks(room, epoch, users)
        if marks is None and self._recent.takes_marks(room, epoch):
            async with self._fills.share(room):
                if self._recent.takes_marks(room, epoch):  # no other client has
                    with suppress(DamagedData), self._recent.filling(room) as filling:
                        async with self.turns.place(address):
                            filling.keep_marks(await self._store.all_marks(room, MOST_MARKS))
            marks = self._recent.marks(room, epoch, users)
        if marks is None:
            async with self.turns.place(address):
                marks = await self._store.marks(room, users)
        return marks

    async def _in_thread_if_large(
        self,
        address: str,
        encoding: Encoding,
        events: Sequence[Event],
        call: Callable[[*_Arguments], _Result],
        *arguments: *_Arguments,
    ) -> _Result:
        if not is_large(events, encoding):
            return call(*arguments)
        async with self.turns.place(address):
            return await trio.to_thread.run_sync(call, *arguments, abandon_on_cancel=True)


def frame_of(member: Member, message: ServerMessage) -> bytes:
    """Return a message as a frame in the encoding of a member."""
    return message_frame(member.encoding, TEXT, encode(message))


def is_large(events: Sequence[Event], encoding: Encoding) -> bool:
    """Whether encoding these events would hold the event loop too long."""
    if not encoding.is_deflated:
        events = [event for event in events if not event.encoded]
    return len(events) > LARGE_EVENTS or sum(len(event.message) for event in events) > LARGE_CHARS


def _is_whole(page: Page, subscription: Subscription, count: int) -> bool:
    """Whether a page has exactly this many events up to the cut."""
    events = page.events
    return len(events) == count and (not count or events[0].seq == subscription.cut - count + 1)


def _users(subscription: Subscription) -> Sequence[str]:
    """Return the keys of the users whose read markers a joining client receives, its own first."""
    own = subscription.join.name.key
    return [own, *(name.key for name in subscription.members if name.key != own)]


def _joined(
    subscription: Subscription, page: Page, marks: Mapping[str, int], *, is_recovered: bool
) -> Joined:
    join, members = subscription.join, subscription.members
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
        history=page.events,
        more=page.more and not is_recovered,
        ref=join.ref,
        json=page.json,
    )


def _check(page: Page, epoch: str) -> Page:
    if page.epoch not in (None, epoch):
        raise HistoryReplaced("the store has another history")
    return page

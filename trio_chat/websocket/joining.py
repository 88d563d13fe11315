"""The rooms of one client: from a join until the client receives live events, and its history.

Before this comes `trio_chat.websocket.chat`, which passes each join to the hub. The hub answers
with a `Subscription`. `Joining` reads the history (`trio_chat.websocket.history`), sends it, and
activates the subscription.

The requests of a client that wait for the store run one after another. Meanwhile the connection
keeps reading. Each waits until the client's queue has space, so the server drops no client for its
own requests.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import attrs
import trio

from trio_chat.errors import (
    OUTAGE_RETRY_MS,
    CommandError,
    DamagedData,
    ErrorCode,
    HistoryReplaced,
    Outage,
    refusal_of,
)
from trio_chat.hub.requests import NOTHING_SEEN, Join, Member
from trio_chat.hub.subscription import Gap, Subscription
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import JoinRoom, LeaveRoom, ReadHistory, Since
from trio_chat.protocol.encode import MAX_HISTORY_BYTES, plain_events
from trio_chat.protocol.messages import History
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Session
from trio_chat.store.changes import Changes, Reading
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.history import SHORT_BYTES, HistoryReader, frame_of

Job = Callable[[], Awaitable[None]]

# The rates allow some seventy requests in the 5 s that the store may take at most, and a hello may
# add 50 rooms.
MAX_PENDING: Final = 128

# Clients of one address that may wait for an answer: as many as may wait to be accepted.
MAX_WAITING: Final = 4096

# Time in which the server answers all clients that may wait for one address.
_CROWDED_RETRY_MS: Final = 5000

_UNCOUNTED: Final = 2
"""Frames that a subscription does not count: the presence, and an acknowledgement."""

TAKEN_SECONDS: Final = 10.0
"""The maximum time of an answer. After it, the server resets a client that accepts nothing."""

_AGAIN_SECONDS: Final = 0.1
"""The delay before a member asks to be admitted again: a check of the store takes milliseconds."""

_OUTAGE_SECONDS: Final = OUTAGE_RETRY_MS / 1000
"""The same during an outage, when thousands of members may wait."""


class Joining:
    """The rooms of one client, and its requests that wait for the store.

    Attributes:
        is_stopped: Set by the chat when the connection closes: the client must enter no more rooms.
    """

    def __init__(self, connection: Connection, reader: HistoryReader, session: Session) -> None:
        self.is_stopped = False
        self._connection = connection
        self._outbox = connection.outbox
        self._address = connection.address
        self._reader = reader
        self._session = session
        self._name: Name  # known from the first message on
        # Joins, refusals and departures may cross. So this keeps each join until the hub has
        # answered it, unless the client leaves the room meanwhile.
        self._joins: list[Join] = []
        self._subscriptions: dict[str, Subscription] = {}  # by room, the newest one
        self._epochs: dict[str, str] = {}  # by room, of the history that the client has received
        self._jobs: list[Job] = []
        self._is_running = False  # whether a task runs the jobs

    # --- for the chat ----------------------------------------------------------------------------

    def enter(self, member: Member, name: Name, rooms: Mapping[str, Since]) -> None:
        """Ask the hub for the rooms of the first message, each from where the client left off."""
        self._name = name
        for room, since in rooms.items():
            join = self._ask(member, room, since)
            if self._is_crowded:
                self.turn_away(join, _crowded(room))
            else:
                self._connection.ask(join)

    def join(self, member: Member, command: JoinRoom) -> Join:
        """Return the request for a room."""
        self._check_pending()
        self._session.rooms.add(command.room)
        return self._ask(member, command.room, Since(command.since, command.epoch), command.ref)

    def leave(self, room: str) -> None:
        """Note that the client leaves: answers to its earlier joins no longer count."""
        self._session.rooms.discard(room)
        self._subscriptions.pop(room, None)
        self._joins = [join for join in self._joins if join.room != room]
        self._epochs.pop(room, None)

    def read_history(self, member: Member, asked: ReadHistory) -> None:
        """Send a page of a room's events, in the background."""
        self._check_pending()
        subscription = self._subscriptions.get(asked.room)
        self._add(partial(self._send_page, member, asked, subscription))

    def heads(self) -> Mapping[str, int]:
        """Return the last ``seq`` offered to the client, for each room that it receives."""
        heads = {room: subscription.sent for room, subscription in self._subscriptions.items()}
        return {room: seq for room, seq in heads.items() if seq is not None}

    def clear(self) -> None:
        """Drop every reference to the member, which has left the hub, and all waiting requests."""
        self._subscriptions.clear()
        self._joins.clear()
        self._jobs.clear()

    # --- answers of the hub ----------------------------------------------------------------------

    def admit(self, subscription: Subscription) -> None:
        """Send the history of a room to which the hub has admitted the client."""
        if self.is_stopped:  # the hub has not received the `Leave` yet
            return
        room, frames = subscription.join.room, None
        if self._remove(subscription.join) or room in self._subscriptions:
            self._subscriptions[room] = subscription
        # An earlier subscription to the room must be activated before this one. Only a small answer
        # needs no share of the address.
        if not self._is_running and not self._outbox.waiting_frames:
            frames = self._reader.recent_answer(subscription)
        if frames is None:
            self._add(partial(self._show, subscription))
        else:
            subscription.activate(frames)  # it holds no events yet
            self._note_epoch(subscription)

    def turn_away(self, join: Join, error: CommandError) -> None:
        """Handle a refused join: the client stays as before, in the room or not."""
        room = join.room
        self._remove(join)
        if join.is_renewal:
            self._join_later(join, _OUTAGE_SECONDS)
        elif not join.member.encoding.is_version_2:
            self._connection.end(CloseCode.TRY_AGAIN_LATER)
        else:
            if room not in self._subscriptions:
                self._forget(room)
            join.member.refuse(error)

    def _ask(
        self, member: Member, room: str, since: Since = NOTHING_SEEN, ref: str | None = None
    ) -> Join:
        """Return the request for a room, and expect its answer."""
        join = Join(member, room, self._name, since, ref, self._address)
        self._joins.append(join)
        return join

    def _remove(self, join: Join) -> bool:
        """Remove a join that the hub has answered; return whether the answer still counts."""
        before = len(self._joins)
        self._joins = [one for one in self._joins if one is not join]
        return len(self._joins) < before

    def _forget(self, room: str) -> None:
        """Note that the client is not in a room, unless another join may let it in."""
        if all(join.room != room for join in self._joins):
            self._session.rooms.discard(room)

    def _join_later(self, join: Join, seconds: float) -> None:
        """Repeat a join after a delay, unless the subscription changes; no request waits for it.

        By then the hub knows which history the store has.
        """
        subscription = self._subscriptions.get(join.room)
        if subscription is not None:
            self._connection.start_soon(partial(self._join_after, seconds, join, subscription))

    async def _join_after(self, seconds: float, join: Join, subscription: Subscription) -> None:
        await trio.sleep(seconds)
        # A join after the `Leave` would never end.
        if self._subscriptions.get(join.room) is subscription and not self.is_stopped:
            self._joins.append(join)
            self._connection.ask(join)

    # --- requests that wait for the store --------------------------------------------------------

    def _check_pending(self) -> None:
        if len(self._jobs) >= MAX_PENDING:
            raise CommandError(ErrorCode.LIMIT_EXCEEDED, "Too many pending requests")
        if self._is_crowded:
            raise _crowded()

    @property
    def _is_crowded(self) -> bool:
        return self._reader.shares.waiting(self._address) >= MAX_WAITING

    def _add(self, job: Job) -> None:
        """Run a job after all others; errors surface in the connection's nursery."""
        self._jobs.append(job)
        if not self._is_running:
            self._is_running = True
            self._connection.start_soon(self._run)

    async def _run(self) -> None:
        while self._jobs:
            await self._jobs.pop(0)()
            await trio.lowlevel.checkpoint()  # a job need not block: others must get their turn
        self._is_running = False

    async def _show(self, subscription: Subscription) -> None:
        """Send the history of a room, and activate the subscription.

        If the store has another history by now, the hub discards the subscription and admits the
        client again by itself. A second join from here would send that history twice.
        """
        join = subscription.join
        # No page may wait in memory for a client that does not read.
        await self._outbox.wait_to_fit(MAX_HISTORY_BYTES)
        try:
            async with self._reader.shares.share(self._address):
                frames = await self._reader.answer(subscription)
                gap = await self._activate(subscription, frames)
                await self._wait_until_taken(frames)
        except Outage as outage:
            if subscription.is_over or not self._enters_without_history(subscription, outage):
                return
            join.member.refuse(_refusal_for(join, outage))
            gap = await self._activate(subscription)
        self._note_epoch(subscription)
        is_complete = await self._fill(subscription, gap)
        if not is_complete and self._subscriptions.get(join.room) is subscription:
            self._connection.ask(self._ask(join.member, join.room))

    def _enters_without_history(self, subscription: Subscription, outage: Outage) -> bool:
        """Handle an outage; return False if the client cannot enter the room, or not yet."""
        join = subscription.join
        room, is_version_2 = join.room, join.member.encoding.is_version_2
        is_damaged = isinstance(outage, DamagedData)
        # A plain client does without a damaged history: reconnecting would not help it.
        if self._epochs.get(room) == subscription.epoch or (is_damaged and not is_version_2):
            return True
        is_replaced = isinstance(outage, HistoryReplaced)
        is_in = join.is_renewal or room in self._epochs
        if is_replaced or (is_in and not is_damaged):
            subscription.discard()
            self._join_later(join, _AGAIN_SECONDS if is_replaced else _OUTAGE_SECONDS)
        elif not is_version_2:
            self._connection.end(CloseCode.TRY_AGAIN_LATER)
        else:
            subscription.discard()
            if self._subscriptions.get(room) is subscription:
                del self._subscriptions[room]
                self._forget(room)
                self._connection.ask(LeaveRoom(room, member=join.member))
            join.member.refuse(_refusal_for(join, outage))
        return False

    def _note_epoch(self, subscription: Subscription) -> None:
        """Note that the client has received the history of a room, if it is still in it."""
        if subscription.join.room in self._subscriptions:
            self._epochs[subscription.join.room] = subscription.epoch

    async def _activate(
        self, subscription: Subscription, frames: Sequence[bytes] = ()
    ) -> Gap | None:
        """Activate a subscription with these frames, once all fits; return the gap, if any."""
        await self._wait_to_fit(subscription.join.member, frames)
        return subscription.activate(frames)

    async def _fill(self, subscription: Subscription, gap: Gap | None) -> bool:
        """Send the missing events; return False if the client must join again, without them."""
        is_version_2 = subscription.join.member.encoding.is_version_2
        while gap is not None:
            if not await self._send_gap(subscription, gap) and is_version_2:
                return False
            gap = await self._activate(subscription)
        return True

    async def _send_gap(self, subscription: Subscription, gap: Gap) -> bool:
        """Send the events of a gap, as fast as the client reads; retry during an outage.

        Returns:
            False if the store has lost some of them, or cannot read them.
        """
        member = subscription.join.member
        while gap.after < gap.upto and subscription.is_pending:
            try:
                events = await self._reader.between(subscription, gap, member.max_backlog_frames)
            except DamagedData:
                return False
            except Outage:
                await trio.sleep(_OUTAGE_SECONDS)
                continue
            if not events:
                return False
            shown = events if member.encoding.is_version_2 else plain_events(events)
            frames = [frame_of(member, event) for event in shown]
            await self._wait_to_fit(member, frames)
            if frames and subscription.is_pending:  # it may have left in the meantime
                member.offer(frames, b"".join(frames))
            gap = Gap(events[-1].seq, gap.upto)
        return True

    async def _send_page(
        self, member: Member, asked: ReadHistory, subscription: Subscription | None
    ) -> None:
        """Send a page of history, with no text older than the client has received."""
        # The client may have joined again, or have left, which the hub does not know yet.
        subscription = self._subscriptions.get(asked.room) or subscription
        changes = subscription.changes if subscription is not None else Changes()
        epoch = self._epochs.get(asked.room)
        is_sent = False
        try:
            while not is_sent:
                # As in `_show`.
                await self._outbox.wait_to_fit(MAX_HISTORY_BYTES)
                async with self._reader.shares.share(self._address):
                    with changes.reading() as reading:
                        history = self._reader.recent_page(asked, epoch)
                        if history is None:
                            async with self._reader.turns.place(self._address):
                                history = await self._reader.page(asked, epoch)
                        frame = await self._reader.frame(member, self._address, history)
                        is_sent = await self._send_current(member, history, frame, reading)
                    await self._wait_until_taken([frame])
        except Outage as outage:
            member.refuse(_refusal_for(asked, outage))

    async def _send_current(
        self, member: Member, history: History, frame: bytes, reading: Reading
    ) -> bool:
        """Send a page in its current form; return False if the caller must read it again."""
        while not reading.is_stale():
            events = reading.apply(history.events)
            if events is not history.events:
                history = attrs.evolve(history, events=events)
                frame = frame_of(member, history)
            await self._outbox.wait_to_fit(len(frame))
            if not reading.is_stale() and reading.apply(events) is events:
                member.offer([frame], frame)
                return True
        return False

    async def _wait_to_fit(self, member: Member, frames: Sequence[bytes]) -> None:
        """Wait until the queue has space for frames, and for all that a subscription may keep."""
        size = sum(map(len, frames)) + member.max_backlog_bytes
        most = len(frames) + member.max_backlog_frames + _UNCOUNTED
        await self._outbox.wait_to_fit(size, most)

    async def _wait_until_taken(self, frames: Sequence[bytes]) -> None:
        """Wait, for a limited time, until the socket has accepted most of a large answer."""
        if sum(map(len, frames)) > SHORT_BYTES:
            with trio.move_on_after(TAKEN_SECONDS):
                await self._outbox.wait_until_below(SHORT_BYTES)


def _crowded(room: str | None = None) -> CommandError:
    message = "Too many pending requests from your address; try again later"
    error = CommandError(ErrorCode.LIMIT_EXCEEDED, message, retry_after_ms=_CROWDED_RETRY_MS)
    error.room = room
    return error


def _refusal_for(asked: Join | ReadHistory, outage: Outage) -> CommandError:
    error = refusal_of(outage)
    error.ref, error.room = asked.ref, asked.room
    return error

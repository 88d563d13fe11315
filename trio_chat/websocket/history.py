"""Sends stored events to one client: the rooms it joins, and pages of history.

Before this come `trio_chat.websocket.joining` and `trio_chat.websocket.chat`, which ask for them.
`trio_chat.websocket.history_reader` reads the store; the frames go to the outbox. All of it waits
until the client's queue has space, so the server drops no client for its own requests.
"""

from collections.abc import Sequence
from typing import Final

import attrs
import trio

from trio_chat.errors import (
    OUTAGE_RETRY_MS,
    CommandError,
    DamagedData,
    ErrorCode,
    Outage,
    refusal_of,
)
from trio_chat.hub.changes import Changes, Reading
from trio_chat.hub.requests import Join, Member
from trio_chat.hub.subscription import Gap, Subscription
from trio_chat.protocol.commands import ReadHistory
from trio_chat.protocol.encode import MAX_HISTORY_BYTES, encode, plain_events
from trio_chat.protocol.encodings import TEXT, message_frame
from trio_chat.protocol.events import Event
from trio_chat.protocol.messages import History, Joined, ServerMessage
from trio_chat.websocket.history_reader import HistoryReader
from trio_chat.websocket.outbox import Outbox

_TAKEN_BYTES: Final = 16 * 1024
"""Below this many waiting bytes an answer counts as received: live frames may follow."""

_UNCOUNTED: Final = 2
"""Frames that a subscription does not count: the presence, and an acknowledgement."""

TAKEN_SECONDS: Final = 10.0
"""The maximum time of an answer. After it, the server resets a client that accepts nothing."""

_CROWDED_RETRY_MS: Final = 5000
"""Time in which the server answers all clients that may wait for one address."""


def crowded(room: str | None = None) -> CommandError:
    """Return the refusal of a request while `HistorySender.is_crowded`."""
    message = "Too many pending requests from your address; try again later"
    error = CommandError(ErrorCode.LIMIT_EXCEEDED, message, retry_after_ms=_CROWDED_RETRY_MS)
    error.room = room
    return error


def refusal_for(asked: Join | ReadHistory, outage: Outage) -> CommandError:
    """Return the answer to a request after an outage of the store."""
    error = refusal_of(outage)
    error.ref, error.room = asked.ref, asked.room
    return error


class HistorySender:
    """Sends stored events to one client, waiting until its queue has space.

    Args:
        history_reader: Reads the store.
        outbox: The client's send queue.
        address: The client's address: addresses take turns.
    """

    __slots__ = ("_address", "_outbox", "_reader")

    def __init__(self, history_reader: HistoryReader, outbox: Outbox, address: str) -> None:
        self._reader = history_reader
        self._outbox = outbox
        self._address = address

    @property
    def is_crowded(self) -> bool:
        """Whether too many clients of this address are waiting."""
        return self._reader.is_crowded(self._address)

    async def show(self, admission: Subscription) -> Gap | None:
        """Send the history to a joining member, and activate its subscription.

        Returns:
            The gap, for `fill`, if events are missing.

        Raises:
            Outage: The store is unavailable; nothing was sent.
        """
        # No page may wait in memory for a client that does not read.
        await self._outbox.wait_to_fit(MAX_HISTORY_BYTES)
        async with self._reader.share(self._address):
            frames = await self._before(admission)
            gap = await self.release(admission, frames)
            await self._wait_until_taken(frames)
        return gap

    def show_recent(self, admission: Subscription) -> bool:
        """Do what `show` does, at once; return False, with nothing done, if it would wait.

        Only a small answer needs no share of the address.
        """
        if self._outbox.waiting_frames:
            return False
        answer = self._reader.recent_answer(admission)
        if answer is None:
            return False
        frame = _frame(admission.join.member, answer)
        if len(frame) > _TAKEN_BYTES:
            return False
        gap = admission.activate([frame])
        assert gap is None  # noqa: S101 - it holds no events yet
        return True

    async def release(self, admission: Subscription, frames: Sequence[bytes] = ()) -> Gap | None:
        """Activate a subscription with these frames, once all fits; return the gap, if any."""
        await self._wait_to_fit(admission.join.member, frames)
        return admission.activate(frames)

    async def fill(self, admission: Subscription, gap: Gap | None) -> bool:
        """Send the missing events, and activate the subscription.

        Returns:
            False if the store has lost some of them: the client must join again.
        """
        is_version_2 = admission.join.member.encoding.is_version_2
        while gap is not None:
            if not await self._fill(admission, gap) and is_version_2:
                return False
            gap = await self.release(admission)
        return True

    async def send_page(
        self, member: Member, asked: ReadHistory, changes: Changes, epoch: str | None
    ) -> None:
        """Send a page of history, with no text older than the client has received.

        Args:
            member: The client.
            asked: Its request.
            changes: The changes of the room.
            epoch: The epoch of the history that the client has received; None without one.

        Raises:
            Outage: The store is unavailable.
        """
        with changes.reading() as reading:
            is_sent = False
            while not is_sent:
                await self._outbox.wait_to_fit(MAX_HISTORY_BYTES)
                async with self._reader.share(self._address):
                    reading.begin()
                    history = self._reader.recent_page(asked, epoch)
                    if history is None:
                        async with self._reader.turn(self._address):
                            reading.begin()
                            history = await self._reader.page(asked, epoch)
                    frame = await self._frame_of(member, history, history.events)
                    is_sent = await self._send(member, history, frame, reading)
                    await self._wait_until_taken([frame])

    async def _before(self, admission: Subscription) -> Sequence[bytes]:
        """Return the history for a joining member, as frames."""
        member = admission.join.member
        if member.encoding.is_version_2:
            joined = await self._reader.joined(admission)
            return [await self._frame_of(member, joined, joined.history)]
        history = await self._reader.plain_history(admission)
        return [] if history is None else [await self._frame_of(member, history, history.events)]

    async def _frame_of(
        self, member: Member, message: History | Joined, events: Sequence[Event]
    ) -> bytes:
        history_reader, address = self._reader, self._address
        return await history_reader.in_thread_if_large(
            address, member.encoding, events, _frame, member, message
        )

    async def _wait_until_taken(self, frames: Sequence[bytes]) -> None:
        """Wait, for a limited time, until the socket has accepted most of a large answer."""
        size = sum(map(len, frames))
        if size > _TAKEN_BYTES:
            with trio.move_on_after(TAKEN_SECONDS):
                await self._outbox.wait_until_below(_TAKEN_BYTES)

    async def _send(self, member: Member, history: History, frame: bytes, reading: Reading) -> bool:
        """Send a page in its current form; return False if the caller must read it again."""
        while not reading.is_stale():
            events = reading.apply(history.events)
            if events is not history.events:
                history = attrs.evolve(history, events=events)
                frame = _frame(member, history)
            await self._outbox.wait_to_fit(len(frame))
            if not reading.is_stale() and reading.apply(events) is events:
                member.offer([frame], frame)
                return True
        return False

    async def _wait_to_fit(self, member: Member, frames: Sequence[bytes]) -> None:
        """Wait until the queue has space for frames, and for all that a subscription may keep."""
        size = sum(map(len, frames)) + member.held_bytes
        most = len(frames) + member.held_frames + _UNCOUNTED
        await self._outbox.wait_to_fit(size, most)

    async def _fill(self, admission: Subscription, gap: Gap) -> bool:
        """Send the events of a gap, as fast as the client reads; retry during an outage.

        Returns:
            False if the store has lost some of them, or cannot read them.
        """
        member = admission.join.member
        while gap.after < gap.upto and admission.is_pending:
            try:
                events = await self._reader.between(admission, gap, member.held_frames)
            except DamagedData:
                return False
            except Outage:
                await trio.sleep(OUTAGE_RETRY_MS / 1000)
                continue
            if not events:
                return False
            shown = events if member.encoding.is_version_2 else plain_events(events)
            frames = [_frame(member, event) for event in shown]
            await self._wait_to_fit(member, frames)
            if frames and admission.is_pending:
                member.offer(frames, b"".join(frames))
            gap = Gap(events[-1].seq, gap.upto)
        return True


def _frame(member: Member, message: ServerMessage) -> bytes:
    return message_frame(member.encoding, TEXT, encode(message))

"""Sends one client what the store has: the rooms it joins, and pages of history.

Comes after `lookback`, which reads; everything here waits until the client's queue has room, so no
client is dropped for what it asked for.
"""

from collections.abc import Sequence

import attrs
import trio

from trio_chat.errors import OUTAGE_RETRY_MS, DamagedData, Outage
from trio_chat.protocol.changes import Changes, Reading
from trio_chat.protocol.encode import encode, plain_events
from trio_chat.protocol.frames import TEXT
from trio_chat.protocol.intents import LookBack
from trio_chat.protocol.membership import Admission, Gap, Member
from trio_chat.protocol.messages import Frame, History
from trio_chat.protocol.outgoing import message_frame
from trio_chat.websocket.lookback import Archive
from trio_chat.websocket.outbox import Outbox


class HistorySender:
    """The way from the store to one client.

    Args:
        archive: Reads the store.
        outbox: The client's.
    """

    __slots__ = ("_archive", "_outbox")

    def __init__(self, archive: Archive, outbox: Outbox) -> None:
        self._archive = archive
        self._outbox = outbox

    async def before(self, admission: Admission) -> Sequence[bytes]:
        """Read what was before a member came in, as the frames that it is to be sent.

        Raises:
            Outage: The store is out of reach.
        """
        member = admission.join.member
        shown: Frame | None
        if member.form.is_version_2:
            shown = await self._archive.joined(admission)
        else:
            shown = await self._archive.plain_history(admission)
        return [_frame(member, shown)] if shown is not None else []

    async def let_in(self, admission: Admission, frames: Sequence[bytes]) -> bool:
        """Send these frames, then all that came since, and let the member take part.

        Returns:
            False if the store has lost some of that: the client must join again.
        """
        member = admission.join.member
        await self._wait_to_fit(member, frames)
        gap = admission.release(frames)
        while gap is not None:
            if not await self._fill(admission, gap) and member.form.is_version_2:
                return False
            gap = admission.release(())
        return True

    async def _wait_to_fit(self, member: Member, frames: Sequence[bytes]) -> None:
        """Wait until these frames fit into the queue, and behind them all that a place may hold."""
        size = sum(map(len, frames)) + member.held_bytes
        await self._outbox.wait_to_fit(size, len(frames) + member.held_frames)

    async def _fill(self, admission: Admission, gap: Gap) -> bool:
        """Send the events of a gap, as fast as the client reads; keep trying in an outage.

        Returns:
            False if the store has forgotten some of them, or cannot read them.
        """
        member = admission.join.member
        while gap.after < gap.upto and admission.is_pending:
            try:
                events = await self._archive.between(admission, gap, member.held_frames)
            except DamagedData:
                return False
            except Outage:
                await trio.sleep(OUTAGE_RETRY_MS / 1000)
                continue
            if not events:
                return False
            shown = events if member.form.is_version_2 else plain_events(events)
            frames = [_frame(member, event) for event in shown]
            await self._wait_to_fit(member, frames)
            if frames and admission.is_pending:
                member.offer(frames, b"".join(frames))
            gap = Gap(events[-1].seq, gap.upto)
        return True

    async def send_page(
        self, member: Member, asked: LookBack, changes: Changes, epoch: str | None
    ) -> None:
        """Send a page of history, with no text older than the client has received.

        Args:
            member: The client.
            asked: What it asked for.
            changes: Of the room.
            epoch: Of the history that the client has been sent; None if that is none.

        Raises:
            Outage: The store is out of reach.
        """
        with changes.reading() as reading:
            while not await self._send(member, await self._archive.page(asked, epoch), reading):
                reading.begin()

    async def _send(self, member: Member, history: History, reading: Reading) -> bool:
        """Send a page as it is at the moment of sending; False if it must be read again."""
        while not reading.is_stale():
            events = reading.apply(history.events)
            history = attrs.evolve(history, events=events)
            frame = _frame(member, history)
            await self._outbox.wait_to_fit(len(frame))
            if not reading.is_stale() and reading.apply(events) is events:
                member.offer([frame], frame)
                return True
        return False


def _frame(member: Member, message: Frame) -> bytes:
    return message_frame(member.form, TEXT, encode(message))

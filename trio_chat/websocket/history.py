"""Sends one client what the store has: the rooms it joins, and pages of history.

Comes after `lookback`, which reads; everything here waits until the client's queue has room, so no
client is dropped for what it asked for.
"""

import attrs

from trio_chat.protocol.changes import Changes, Reading
from trio_chat.protocol.encode import encode
from trio_chat.protocol.frames import TEXT
from trio_chat.protocol.intents import LookBack
from trio_chat.protocol.membership import Admission, Member
from trio_chat.protocol.messages import Frame, History
from trio_chat.protocol.outgoing import message_frame
from trio_chat.websocket.lookback import Archive
from trio_chat.websocket.outbox import Outbox


class HistorySender:
    """The way from the store to one client. Every call may raise `trio_chat.errors.Outage`.

    Args:
        archive: Reads the store.
        outbox: The client's.
    """

    __slots__ = ("_archive", "_outbox")

    def __init__(self, archive: Archive, outbox: Outbox) -> None:
        self._archive = archive
        self._outbox = outbox

    async def show(self, admission: Admission) -> None:
        """Send what was before a member came in, and let the member take part."""
        member = admission.join.member
        shown: Frame | None
        if member.form.is_version_2:
            shown = await self._archive.joined(admission)
        else:
            shown = await self._archive.plain_history(admission)
        frames = [_frame(member, shown)] if shown is not None else []
        await self._outbox.wait_to_fit(sum(map(len, frames)))
        admission.release(frames)

    async def send_page(self, member: Member, asked: LookBack, changes: Changes) -> None:
        """Send a page of history, with no text older than the client has received.

        Args:
            member: The client.
            asked: What it asked for.
            changes: Of the room.
        """
        with changes.reading() as reading:
            while not await self._send(member, await self._archive.page(asked), reading):
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

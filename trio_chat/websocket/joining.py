"""Joins rooms for one client: from its request, and the hub's answer, until it takes part.

Comes after the hub, which answers each `Join`, and before `history`, which sends the stored events.
`chat` handles the commands of a client that takes part.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import trio

from trio_chat.errors import OUTAGE_RETRY_MS, CommandError, DamagedData, HistoryReplaced, Outage
from trio_chat.hub.requests import NOTHING_SEEN, Admission, Join, LeaveRoom, Member
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import Since
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Session
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.history import HistorySender, crowded, refusal_for
from trio_chat.websocket.request_queue import RequestQueue
from trio_chat.websocket.rooms import OwnRooms

_ANEW_SECONDS: Final = 0.1
"""Before a member asks once more to be admitted: a check of the store takes milliseconds."""

_OUTAGE_SECONDS: Final = OUTAGE_RETRY_MS / 1000
"""The same in an outage, in which thousands of members may wait."""


class Joining:
    """Joins rooms for one client.

    It finds the member in each join. So only the rooms and the requests refer to the member, and
    `clear` empties both: an ended connection must not need a full garbage collection (ADR 11).

    Args:
        connection: The client's.
        history: Sends the client stored events.
        session: Knows which rooms the client may use.
        rooms: The client's.
        requests: The client's requests that wait for the store.

    Attributes:
        is_stopped: Whether `stop` was called.
    """

    __slots__ = (
        "_connection",
        "_history",
        "_is_gone",
        "_name",
        "_requests",
        "_rooms",
        "_session",
        "is_stopped",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        history: HistorySender,
        session: Session,
        rooms: OwnRooms,
        requests: RequestQueue,
    ) -> None:
        self.is_stopped = self._is_gone = False
        self._connection = connection
        self._history = history
        self._session = session
        self._rooms = rooms
        self._requests = requests
        self._name: Name  # known by the first frame

    def enter(self, member: Member, name: Name, rooms: Mapping[str, Since]) -> None:
        """Ask the hub for the rooms of the first frame.

        Args:
            member: The client, as the hub sees it.
            name: The user's, as the client gave it.
            rooms: For each room, how far the client knows it.
        """
        self._name = name
        for room, since in rooms.items():
            join = self.join(member, room, since)
            if self._history.is_crowded:
                self.turn_away(join, crowded(room))
            else:
                self._connection.ask(join)

    def join(
        self, member: Member, room: str, since: Since = NOTHING_SEEN, ref: str | None = None
    ) -> Join:
        """Return the request for a room, and expect the hub's answer. Call `enter` before."""
        return self._rooms.ask(Join(member, room, self._name, since, ref, self._connection.address))

    def admit(self, admission: Admission) -> None:
        """The hub holds a place: show the history, unless the client is gone."""
        if self._is_gone:  # the hub has not received the `Leave` yet
            return
        self._rooms.admit(admission)
        # An earlier place in the room must have been released before this one.
        if self._requests.is_idle and self._history.show_recent(admission):
            self._rooms.enter(admission)
        else:
            self._requests.add(partial(self._show, admission))

    def turn_away(self, join: Join, error: CommandError) -> None:
        """The hub refuses a join: the client stays where it was, in the room or not."""
        is_out = self._rooms.turn_away(join)
        if join.is_renewal:
            self._join_later(join, _OUTAGE_SECONDS)
            return
        if not join.member.encoding.is_version_2:
            self._connection.end(CloseCode.TRY_AGAIN_LATER)
            return
        if is_out:
            self._session.left(join.room)
        join.member.refuse(error)

    def stop(self) -> None:
        """Ask the hub for no more rooms, as the connection is ending."""
        self.is_stopped = True

    def clear(self) -> None:
        """Drop every reference to the member, which has left the hub, and all waiting requests."""
        self._is_gone = True
        self._rooms.clear()
        self._requests.clear()

    async def _show(self, admission: Admission) -> None:
        """Send the client the history of a room, and let it take part.

        The hub takes a place back when the store holds another history, and admits the client again
        by itself. If this asked for one more place, the client would receive that history twice.
        """
        join = admission.join
        room = join.room
        try:
            gap = await self._history.show(admission)
        except Outage as outage:
            if admission.is_over:
                return
            # A plain client goes without a history that is damaged: it could only come back.
            may_enter = isinstance(outage, DamagedData) and not join.member.encoding.is_version_2
            if self._rooms.epoch(room) != admission.epoch and not may_enter:
                is_replaced = isinstance(outage, HistoryReplaced)
                is_in = join.is_renewal or self._rooms.epoch(room) is not None
                if is_replaced or (is_in and not isinstance(outage, DamagedData)):
                    self._come_in_anew(admission, _ANEW_SECONDS if is_replaced else _OUTAGE_SECONDS)
                else:
                    self._give_up(admission, outage)
                return
            join.member.refuse(refusal_for(join, outage))
            gap = await self._history.release(admission)
        self._rooms.enter(admission)
        if not await self._history.fill(admission, gap):
            self._connection.ask(self.join(join.member, room))

    def _come_in_anew(self, admission: Admission, after: float) -> None:
        """Ask the hub once more, which knows by now, or soon, what history the store holds."""
        admission.discard()
        self._join_later(admission.join, after)

    def _join_later(self, join: Join, seconds: float) -> None:
        """Ask the hub in some seconds, unless the place has changed; no request waits for that."""
        place = self._rooms.place(join.room)
        self._connection.start_soon(partial(self._join_after, seconds, join, place))

    async def _join_after(self, seconds: float, join: Join, place: Admission | None) -> None:
        await trio.sleep(seconds)
        is_there = place is not None and self._rooms.place(join.room) is place
        if is_there and not self.is_stopped:  # a join behind the `Leave` would stay for ever
            self._connection.ask(self._rooms.ask(join))

    def _give_up(self, admission: Admission, outage: Outage) -> None:
        """Take the client out of a room whose history the store cannot read."""
        join = admission.join
        if not join.member.encoding.is_version_2:
            self._connection.end(CloseCode.TRY_AGAIN_LATER)
            return
        admission.discard()
        if self._rooms.give_up(admission):
            if not self._rooms.is_expected(join.room):
                self._session.left(join.room)
            self._connection.ask(LeaveRoom(join.member, join.room))
        join.member.refuse(refusal_for(join, outage))

"""Joins rooms for one client: from its request until it receives live events.

Before this comes `trio_chat.websocket.chat`, which passes each request to the hub. The hub answers
with a `Subscription`. `Joining` sends the history (`trio_chat.websocket.history`) and activates it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import trio

from trio_chat.errors import OUTAGE_RETRY_MS, CommandError, DamagedData, HistoryReplaced, Outage
from trio_chat.hub.requests import NOTHING_SEEN, Join, Member
from trio_chat.hub.subscription import Subscription
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import LeaveRoom, Since
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Session
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.history import HistorySender, crowded, refusal_for
from trio_chat.websocket.request_queue import RequestQueue

_AGAIN_SECONDS: Final = 0.1
"""The delay before a member asks to be admitted again: a check of the store takes milliseconds."""

_OUTAGE_SECONDS: Final = OUTAGE_RETRY_MS / 1000
"""The same during an outage, when thousands of members may wait."""


class OwnRooms:
    """The rooms that a client is in, and its joins that the hub has not answered.

    Joins, refusals and departures may cross. So this object keeps each join until the hub has
    answered it, unless the client leaves the room meanwhile.
    """

    __slots__ = ("_entered", "_joins", "_places")

    def __init__(self) -> None:
        self._places: dict[str, Subscription] = {}
        """By room, the newest subscription."""
        self._joins: dict[str, list[Join]] = {}
        self._entered: dict[str, str] = {}
        """By room, the epoch of the history that the client has received."""

    def ask(self, join: Join) -> Join:
        """Expect an answer of the hub; return the join."""
        self._joins.setdefault(join.room, []).append(join)
        return join

    def admit(self, admission: Subscription) -> None:
        """Note a subscription, unless the client has left the room meanwhile."""
        room = admission.join.room
        if self._answered(admission.join) or room in self._places:
            self._places[room] = admission

    def turn_away(self, join: Join) -> bool:
        """Note a refusal; return whether the client is neither in the room nor about to be."""
        room = join.room
        return self._answered(join) and room not in self._places and room not in self._joins

    def give_up(self, admission: Subscription) -> bool:
        """Remove a subscription; return whether it was the newest: then the client must leave."""
        room = admission.join.room
        if self._places.get(room) is not admission:
            return False
        del self._places[room]
        return True

    def leave(self, room: str) -> None:
        """Note that the client leaves: answers to its earlier joins no longer count."""
        self._places.pop(room, None)
        self._joins.pop(room, None)
        self._entered.pop(room, None)

    def enter(self, admission: Subscription) -> None:
        """Note that the client has received the history of a room, if it is still in it."""
        room = admission.join.room
        if room in self._places:
            self._entered[room] = admission.epoch

    def epoch(self, room: str) -> str | None:
        """Return the epoch of the history that the client has received, if any."""
        return self._entered.get(room)

    def is_expected(self, room: str) -> bool:
        """Whether the hub has not answered a join of this room."""
        return room in self._joins

    def place(self, room: str) -> Subscription | None:
        """Return the newest subscription to a room."""
        return self._places.get(room)

    def heads(self) -> Mapping[str, int]:
        """Return the last ``seq`` offered to the client, for each room that it receives."""
        heads = {room: place.sent for room, place in self._places.items()}
        return {room: seq for room, seq in heads.items() if seq is not None}

    def clear(self) -> None:
        """Drop every reference to the member."""
        self._places.clear()
        self._joins.clear()

    def _answered(self, join: Join) -> bool:
        """Remove a join that the hub has answered; return whether the answer still counts."""
        waiting = self._joins.get(join.room, [])
        rest = [one for one in waiting if one is not join]
        if rest:
            self._joins[join.room] = rest
        else:
            self._joins.pop(join.room, None)
        return len(rest) < len(waiting)


class Joining:
    """Joins rooms for one client.

    Each join refers to the member. So only the rooms and the request queue refer to it, and `clear`
    empties both: freeing an ended connection must not need a full garbage collection (ADR 11).

    Args:
        connection: The client's connection.
        history: Sends stored events to the client.
        session: Knows which rooms the client may use.
        rooms: The client's rooms.
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
        self._name: Name  # known from the first message on

    def enter(self, member: Member, name: Name, rooms: Mapping[str, Since]) -> None:
        """Ask the hub for the rooms of the first message.

        Args:
            member: The client, as the hub sees it.
            name: The user's name, as the client gave it.
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
        """Return the request for a room, and expect its answer. Call `enter` before."""
        return self._rooms.ask(Join(member, room, self._name, since, ref, self._connection.address))

    def admit(self, admission: Subscription) -> None:
        """Send the history of a room to which the hub has admitted the client."""
        if self._is_gone:  # the hub has not received the `Leave` yet
            return
        self._rooms.admit(admission)
        # An earlier subscription to the room must be activated before this one.
        if self._requests.is_idle and self._history.show_recent(admission):
            self._rooms.enter(admission)
        else:
            self._requests.add(partial(self._show, admission))

    def turn_away(self, join: Join, error: CommandError) -> None:
        """Handle a refused join: the client stays as before, in the room or not."""
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
        """Ask the hub for no more rooms: the connection is closing."""
        self.is_stopped = True

    def clear(self) -> None:
        """Drop every reference to the member, which has left the hub, and all waiting requests."""
        self._is_gone = True
        self._rooms.clear()
        self._requests.clear()

    async def _show(self, admission: Subscription) -> None:
        """Send the history of a room, then activate the subscription.

        If the store has another history by now, the hub discards the subscription and admits the
        client again by itself. A second join from here would send that history twice.
        """
        join = admission.join
        room = join.room
        try:
            gap = await self._history.show(admission)
        except Outage as outage:
            if admission.is_over:
                return
            # A plain client does without a damaged history: reconnecting would not help it.
            may_enter = isinstance(outage, DamagedData) and not join.member.encoding.is_version_2
            if self._rooms.epoch(room) != admission.epoch and not may_enter:
                is_replaced = isinstance(outage, HistoryReplaced)
                is_in = join.is_renewal or self._rooms.epoch(room) is not None
                if is_replaced or (is_in and not isinstance(outage, DamagedData)):
                    admission.discard()
                    self._join_later(join, _AGAIN_SECONDS if is_replaced else _OUTAGE_SECONDS)
                else:
                    self._give_up(admission, outage)
                return
            join.member.refuse(refusal_for(join, outage))
            gap = await self._history.release(admission)
        self._rooms.enter(admission)
        if not await self._history.fill(admission, gap):
            self._connection.ask(self.join(join.member, room))

    def _join_later(self, join: Join, seconds: float) -> None:
        """Repeat a join after a delay, unless the subscription changes; no request waits for it.

        By then the hub knows which history the store has.
        """
        place = self._rooms.place(join.room)
        self._connection.start_soon(partial(self._join_after, seconds, join, place))

    async def _join_after(self, seconds: float, join: Join, place: Subscription | None) -> None:
        await trio.sleep(seconds)
        is_there = place is not None and self._rooms.place(join.room) is place
        if is_there and not self.is_stopped:  # a join after the `Leave` would never end
            self._connection.ask(self._rooms.ask(join))

    def _give_up(self, admission: Subscription, outage: Outage) -> None:
        """Take the client out of a room whose history the store cannot read."""
        join = admission.join
        if not join.member.encoding.is_version_2:
            self._connection.end(CloseCode.TRY_AGAIN_LATER)
            return
        admission.discard()
        if self._rooms.give_up(admission):
            if not self._rooms.is_expected(join.room):
                self._session.left(join.room)
            self._connection.ask(LeaveRoom(join.room, member=join.member))
        join.member.refuse(refusal_for(join, outage))

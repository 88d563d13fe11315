"""The rooms of one connection: where it is, and where it is about to be.

A refused join leaves the connection where it was. Joins, refusals and departures may cross each
other, so each join is known until the hub has answered it, unless the client has left meanwhile.
"""

from collections.abc import Mapping

from trio_chat.hub.requests import Admission, Join


class OwnRooms:
    """The places that the hub has given to a connection, and the joins it has not answered."""

    __slots__ = ("_entered", "_joins", "_places")

    def __init__(self) -> None:
        self._places: dict[str, Admission] = {}
        """The newest place in each room."""
        self._joins: dict[str, list[Join]] = {}
        self._entered: dict[str, str] = {}
        """By room, the epoch of the history that the client has received."""

    def ask(self, join: Join) -> Join:
        """Expect an answer of the hub."""
        self._joins.setdefault(join.room, []).append(join)
        return join

    def admit(self, admission: Admission) -> None:
        """The hub holds a place, which counts unless the client has left meanwhile."""
        room = admission.join.room
        if self._settle(admission.join) or room in self._places:
            self._places[room] = admission

    def turn_away(self, join: Join) -> bool:
        """The hub has refused a join; True if the client is not in the room, nor about to be."""
        return self._settle(join) and not self._is_near(join.room)

    def give_up(self, admission: Admission) -> bool:
        """A place has failed; True if it was the newest one, so that the client must leave."""
        room = admission.join.room
        if self._places.get(room) is not admission:
            return False
        del self._places[room]
        return True

    def leave(self, room: str) -> None:
        """The client leaves: the hub's answers to its earlier joins do not count."""
        self._places.pop(room, None)
        self._joins.pop(room, None)
        self._entered.pop(room, None)

    def enter(self, admission: Admission) -> None:
        """The client has been sent the history of a room, which it may have left meanwhile."""
        room = admission.join.room
        if room in self._places:
            self._entered[room] = admission.epoch

    def epoch(self, room: str) -> str | None:
        """The epoch of the history that the client was sent; None if it was sent none."""
        return self._entered.get(room)

    def is_expected(self, room: str) -> bool:
        """Whether the hub has still to answer a join of this room."""
        return room in self._joins

    def place(self, room: str) -> Admission | None:
        """The newest place in a room."""
        return self._places.get(room)

    def heads(self) -> Mapping[str, int]:
        """The last ``seq`` offered to the client, for each room in which it takes part."""
        told = {room: place.told for room, place in self._places.items()}
        return {room: seq for room, seq in told.items() if seq is not None}

    def clear(self) -> None:
        """Let go of everything: it knows the connection."""
        self._places.clear()
        self._joins.clear()

    def _is_near(self, room: str) -> bool:
        return room in self._places or room in self._joins

    def _settle(self, join: Join) -> bool:
        """The hub has answered; False if that answer does not count any more."""
        waiting = self._joins.get(join.room, [])
        rest = [one for one in waiting if one is not join]
        if rest:
            self._joins[join.room] = rest
        else:
            self._joins.pop(join.room, None)
        return len(rest) < len(waiting)

"""What a node needs of the other nodes; a single node has none.

One of several nodes has `trio_chat.cluster.cluster.Cluster` instead.
"""

# ruff: noqa: ARG002 - a single node ignores the arguments

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from trio_chat.context import Context
from trio_chat.hub.plan import CaughtUp, Plan
from trio_chat.hub.requests import Join, Publish
from trio_chat.hub.room import Room
from trio_chat.hub.users import Users
from trio_chat.protocol.commands import ReadMarker, SetTyping

if TYPE_CHECKING:
    from trio_chat.hub.heads import Heads
    from trio_chat.hub.rooms import Rooms
    from trio_chat.store.base import Commit


class OtherNodes:
    """The other nodes of a single node. The hub calls each method in its own task.

    Attributes:
        ordinary: The types of request whose turn needs neither `prepare` nor `finish`. Members send
            these to their rooms, and change neither the members nor the history of a room.
        owns_marks: Whether this node stores all read marks, so that it may keep them in memory.
        publish: Sends other nodes the events of a turn and its news, before members receive them;
            None if a turn need not call it.
    """

    ordinary: frozenset[type] = frozenset({SetTyping, ReadMarker, Publish})
    owns_marks: bool = True
    publish: "Callable[[Plan, Commit | None], None] | None" = None

    def make_users(self, rooms: Mapping[str, Room], context: Context) -> Users:
        """Return the users of the rooms on this node, or on all nodes."""
        return Users(rooms, context)

    def start(self, rooms: "Rooms", heads: "Heads") -> None:
        """Note the hub's rooms and their heads, before anything else is called."""

    def rooms_wanted(self, now: float) -> Iterable[str]:
        """Return the names of the rooms that this turn must open for a notice."""
        return ()

    async def prepare(
        self, joins: Collection[Join], plan: Plan, *, has_tick: bool
    ) -> Collection[Join]:
        """Read what other nodes stored and this turn needs.

        Returns:
            The joins to refuse: their clients have seen more of a room than can be read now.
        """
        return ()

    def tick(self, plan: Plan) -> None:
        """Decide what follows from the time."""

    def defer(self, marker: ReadMarker) -> bool:
        """Keep a read marker beyond the head of its room until it can be checked, if possible."""
        return False

    async def finish(self, plan: Plan) -> None:
        """Decide what is due at the end of a turn, and compare heads with the store."""

    def take_received(self, begins: Mapping[str, int], now: float) -> Iterable[CaughtUp]:
        """Return the events of other nodes that fit between the heads and this turn's commit.

        ``begins`` has by room the ``seq`` of the first event that this turn committed.
        """
        return ()

    def forget_history(self) -> None:
        """Forget events received so far: the rooms are about to move to another history."""


class ConnectionCounts(Protocol):
    """The connections that users have to other nodes (`trio_chat.cluster.peers.Peers`).

    Each method names a user by the key of the user's name and the client's address. The address is
    empty if a token has proved the name.
    """

    def connections(self, user: str, address: str) -> int:
        """Return how many connections the user has to all other nodes, as far as reported."""

    def count(self, user: str, address: str, connections: int) -> None:
        """Report to the other nodes how many connections the user has here now."""

    def ask_after(self, user: str, address: str, now: float) -> Collection[str]:
        """Ping the nodes that have connections of the user; return their ids."""

    def silent(self, nodes: Collection[str]) -> Collection[str]:
        """Return those of these nodes that have sent nothing since their last ping."""

    def leave_out(self, nodes: Collection[str]) -> None:
        """Count no connections to these nodes until they publish again."""

    def surplus(self, user: str, address: str, most: int) -> int:
        """Return how many of the user's connections this node must close, of more than ``most``.

        One more for each node may have arrived unseen.
        """

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Call a function with user and address when another node may have more of them."""

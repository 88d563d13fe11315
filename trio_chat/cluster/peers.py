"""The other nodes, as this one knows them, and what it tells them. No trio; time comes in."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from typing import Final

import structlog

from trio_chat.backplane.base import Backplane
from trio_chat.cluster.envelope import (
    Ask,
    Counted,
    Envelope,
    Happened,
    HasRead,
    NodeLeaving,
    NodeMessage,
    Ping,
    Snapshot,
    UserJoined,
    UserLeft,
    pack,
)
from trio_chat.cluster.node import BYE_SECONDS, Node
from trio_chat.protocol.names import is_label

_logger = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 30.0
"""A node that has said nothing for so long is dead."""

PULSE_SECONDS: Final = 10.0
"""Each says something as often, so that a lease outlasts two losses."""

ASK_SECONDS: Final = 1.0
"""A node is not asked for its roll more often, and does not answer more often."""

STALL_SECONDS: Final = 5.0
"""A pause between two ticks that shows that this process was stopped, and received nothing."""

FORGET_SECONDS: Final = 2 * LEASE_SECONDS
"""How long the last sign of an ended node is remembered: longer than its lease in the store."""

# A hundred KiB or so, and some milliseconds to read.
_USERS_A_PART: Final = 1000

_GONE_A_TICK: Final = 500
"""Of nodes that are no more, so many users go at once: each notice is a row of a commit."""

PING_SECONDS: Final = 0.25
"""A node is not asked for a sign of life more often."""

SIGN_SECONDS: Final = 0.1
"""Nor does one give it more often: anybody who can publish can ask for it."""

MOST_NODES: Final = 1000
"""Others than these are not known: whoever can write to the backplane can make up any number."""


class Peers:
    """What goes to the other nodes, and comes from them.

    Args:
        node: The id of this one, unlike that of any other, also of one it had before.
        backplane: Carries it.
        epoch: Returns the identity of the store's present history.
        wall_ms: Milliseconds since 1970 UTC.
    """

    def __init__(
        self,
        node: str,
        backplane: Backplane,
        *,
        epoch: Callable[[], str],
        wall_ms: Callable[[], int],
    ) -> None:
        self.is_shared = backplane.is_shared
        """Whether there may be others."""
        self._node = node
        self._backplane = backplane
        self._epoch = epoch
        self._wall_ms = wall_ms
        self._number = 0
        self._stays = count(1)
        self._nodes: dict[str, Node] = {}
        self._counted: dict[tuple[str, str], int] = {}
        """The connections to this node, by user and address."""
        self._grown: Callable[[str, str], None] = _nobody_cares
        """Called with a user and an address that another node may have more connections of."""
        self._listens_since: float | None = None
        """Since when it is heard what others say; None if it is not."""
        self._heard_at: dict[str, float] = {}
        """When each node was last heard, those that have ended included, for a while."""
        self._ticked_at = self._pulsed_at = self._told_roll_at = float("-inf")
        self._signed_at = float("-inf")
        self._owes_sign = False
        self._owes_roll = False
        self._has_missed = False
        self._is_over = False

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def is_listening(self) -> bool:
        """Whether it is heard what others say."""
        return self._listens_since is not None

    @property
    def lack_rolls(self) -> bool:
        """Whether another node owes this one its roll: a node tells it once a second at most."""
        return any(node.lacks_roll and not node.is_ending for node in self._nodes.values())

    @property
    def listens_since(self) -> float | None:
        """Since when this node receives from others, in seconds on Trio's clock; None if not."""
        return self._listens_since

    def heard_at(self, node: str) -> float:
        """Return when a node's last envelope arrived; minus infinity if that was long ago."""
        return self._heard_at.get(node, float("-inf"))

    def is_ending(self, node: str) -> bool:
        """Return whether a node has said goodbye, or its lease has expired."""
        return node in self._nodes and self._nodes[node].is_ending

    def new_stay(self) -> str:
        """A name for a user's stay in a room: unlike any other; empty where there are no others."""
        return f"{self._node}-{next(self._stays):x}" if self.is_shared else ""

    # --- what is told ----------------------------------------------------------------------------

    def tell(self, said: Sequence[NodeMessage]) -> None:
        """Tell all others, in one envelope; nothing at all renews the lease."""
        if self._is_over:
            return
        self._number += 1
        envelope = Envelope(self._node, self._number, tuple(said), self._epoch(), self._wall_ms())
        self._backplane.publish(pack(envelope))

    def owes_roll(self, now: float) -> bool:
        """Whether somebody waits to be told all that is here."""
        return self._owes_roll and now >= self._told_roll_at + ASK_SECONDS

    def tell_roll(self, here: Sequence[UserJoined], read: Sequence[HasRead], now: float) -> None:
        """Tell all others what is here, in parts.

        Args:
            here: All users in all rooms.
            read: Up to where users have read, as far as they have said so here.
            now: The time, in seconds.
        """
        self._owes_roll = False
        self._told_roll_at = now
        counted = [Counted(user, at, number) for (user, at), number in self._counted.items()]
        begins = range(0, max(len(here), len(counted), len(read), 1), _USERS_A_PART)
        for begin in begins:
            part = slice(begin, begin + _USERS_A_PART)
            is_first, is_last = begin == 0, begin == begins[-1]
            parts = tuple(here[part]), tuple(counted[part]), tuple(read[part])
            self.tell((Snapshot(*parts, is_first=is_first, is_last=is_last),))

    def say_goodbye(self) -> None:
        """This node has no members any more, and says nothing from now on."""
        self.tell((NodeLeaving(),))
        self._is_over = True

    # --- what is heard ---------------------------------------------------------------------------

    def reach(self, now: float, *, is_given: bool) -> None:
        """The others are heard from now on, or are not.

        If they are, all are asked for what they have, and told what is here.
        """
        self._listens_since = now if is_given else None
        if is_given:
            self.tell((Ask(""),))
            self._owes_roll = True
            self._told_roll_at = float("-inf")

    def hear(self, envelope: Envelope, now: float) -> Sequence[NodeMessage]:
        """Take what another node says.

        Returns:
            What of it is to be done, in order.
        """
        if envelope.node == self._node or not is_label(envelope.node):
            return ()
        node = self._nodes.get(envelope.node)
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                return [said for said in envelope.said if isinstance(said, Happened)]
            node = self._nodes[envelope.node] = Node(envelope.number - 1)
            self._has_missed = True
            _logger.info("another node is there", other_node=envelope.node)
        self._heard_at[envelope.node] = now
        was_ending = node.is_ending
        self._has_missed |= envelope.number > node.number + 1
        news = node.hear(envelope, now)
        for said in envelope.said:
            self._watch(said, node)
        if node.is_ending and not was_ending:
            _logger.info("another node says goodbye", other_node=envelope.node)
        for said in envelope.said:
            if isinstance(said, Ask) and said.node in ("", self._node):
                self._owes_roll = True
            if isinstance(said, Ping) and said.node == self._node:
                self._owes_sign = True
        self._give_sign(now)
        self._ask(envelope.node, node, now)
        return news

    def take_missed(self) -> bool:
        """Return whether an envelope has been missed since the last call."""
        has_missed, self._has_missed = self._has_missed, False
        return has_missed

    def tick(self, now: float) -> Iterator[tuple[str, UserLeft]]:
        """Time has passed: say that this node lives, and find who does not any more.

        Yields:
            The id of a node that is no more, and a user it had, for some of its users.
        """
        if self._listens_since is not None and now > self._ticked_at + STALL_SECONDS:
            self._listens_since = now
        self._ticked_at = now
        if now >= self._pulsed_at + PULSE_SECONDS:
            self._pulsed_at = now
            self.tell(())
        for name, heard_at in tuple(self._heard_at.items()):
            if now >= heard_at + FORGET_SECONDS:
                del self._heard_at[name]
        self._give_sign(now)
        left = _GONE_A_TICK
        for name, node in tuple(self._nodes.items()):
            self._ask(name, node, now)
            if self._is_no_more(name, node, now):
                gone = node.dissolve(left)
                left -= len(gone)
                yield from ((name, away) for away in gone)
                if node.is_empty:
                    del self._nodes[name]

    def _give_sign(self, now: float) -> None:
        if self._owes_sign and now >= self._signed_at + SIGN_SECONDS:
            self._signed_at = now
            self._owes_sign = False
            self.tell(())

    def _watch(self, said: NodeMessage, node: Node) -> None:
        """Have looked at whoever a node may have more connections of than before."""
        if isinstance(said, Counted) and said.connections:
            self._grown(said.user, said.address)
        elif isinstance(said, Snapshot) and said.is_last:
            for user, address in tuple(self._counted):
                if (user, address) in node.counted:
                    self._grown(user, address)

    def _ask(self, name: str, node: Node, now: float) -> None:
        """Ask a node for its roll, if something of it is missing, now and then."""
        if node.lacks_roll and not node.is_ending and now >= node.asked_at + ASK_SECONDS:
            node.asked_at = now
            self.tell((Ask(name),))

    def _is_no_more(self, name: str, node: Node, now: float) -> bool:
        """Whether a node has ended. While nothing is heard, nobody is known to have."""
        if self._listens_since is None:
            return False
        if not node.is_ending and now >= max(node.heard_at, self._listens_since) + LEASE_SECONDS:
            node.ends_at = now
            _logger.warning("node lease expired", other_node=name)
        # Where its users have gone to has not been heard before.
        return now >= max(node.ends_at, self._listens_since + BYE_SECONDS)

    # --- connections -----------------------------------------------------------------------------

    def count(self, user: str, address: str, connections: int) -> None:
        """Note how many connections a user has here now, and tell all others at once."""
        if not self.is_shared:
            return
        if connections:
            self._counted[user, address] = connections
        else:
            self._counted.pop((user, address), None)
        self.tell((Counted(user, address, connections),))

    def connections(self, user: str, address: str) -> int:
        """How many connections a user has to all other nodes; none while nothing is heard of them.

        What was heard before an outage may be long over, and is to lock nobody out.
        """
        if self._listens_since is None:
            return 0
        place = user, address
        nodes = self._nodes.values()
        return sum(node.counted.get(place, 0) for node in nodes if not node.is_left_out)

    def ask_after(self, user: str, address: str, now: float) -> Collection[str]:
        """Ask silent nodes; see `trio_chat.hub.requests.OtherNodes`."""
        asked = []
        for name, node in self._nodes.items():
            counts = (user, address) in node.counted and not node.is_left_out
            if not counts:
                continue
            asked.append(name)
            if now >= node.pinged_at + PING_SECONDS:
                node.pinged_at = now
                self.tell((Ping(name),))
        return asked

    def silent(self, nodes: Collection[str]) -> Collection[str]:
        """Find those that have not answered; the same."""
        known = (name for name in nodes if name in self._nodes)
        return [name for name in known if self._nodes[name].heard_at < self._nodes[name].pinged_at]

    def leave_out(self, nodes: Collection[str]) -> None:
        """Leave nodes out until they publish again; the same."""
        for name in nodes:
            if name in self._nodes:
                self._nodes[name].is_left_out = True

    def surplus(self, user: str, address: str, most: int) -> int:
        """How many of a user's connections here are to end.

        Where they came at the same moment, no node knew of the others'. The last node, by its id,
        that has any is the one to end some: else each of them would.
        """
        place = user, address
        total = self._counted.get(place, 0) + self.connections(user, address)
        if total <= most + len(self._nodes) + 1:
            return 0
        if any(name > self._node and place in node.counted for name, node in self._nodes.items()):
            return 0
        return total - most

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Have this called whenever another node may have more connections of a user."""
        self._grown = grown


def _nobody_cares(_user: str, _address: str) -> None:
    """Before anybody watches."""

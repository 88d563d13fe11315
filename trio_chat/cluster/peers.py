"""The other nodes as this one knows them, and the envelopes that it publishes.

Time is an argument, in seconds; only `Peers.recount` waits.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final

import structlog
import trio

from trio_chat.backplane.base import Backplane
from trio_chat.cluster.envelope import (
    Ask,
    Counted,
    Envelope,
    EventsStored,
    NodeLeaving,
    NodeMessage,
    Ping,
    Snapshot,
    UserJoined,
    UserLeft,
    pack,
)
from trio_chat.cluster.node import LEAVING_SECONDS, Node
from trio_chat.protocol.messages import HasRead
from trio_chat.protocol.names import is_label

_logger = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 30.0
"""Lifetime of a lease: a node that publishes nothing for this long has ended."""

HEARTBEAT_SECONDS: Final = 10.0
"""Maximum time between two envelopes of a node, so that a lease survives the loss of two."""

ASK_SECONDS: Final = 1.0
"""Minimum time between two requests for a snapshot, and between two snapshots of this node."""

STALL_SECONDS: Final = 5.0
"""A longer pause between two ticks means that this process was stopped, and received nothing."""

FORGET_SECONDS: Final = 2 * LEASE_SECONDS
"""Time for which this node remembers the last envelope of an ended node: longer than a lease in the
store."""

_USERS_PER_PART: Final = 1000
"""Maximum users in one part of a snapshot: some 100 KiB, and some milliseconds to parse."""

_LEAVES_PER_TICK: Final = 500
"""Maximum users of ended nodes that leave in one tick: each notice is a row of a commit."""

ANSWER_SECONDS: Final = 1.0
"""The maximum wait for a node. Nodes answer in milliseconds, under load more slowly."""

_POLL_SECONDS: Final = 0.02

PING_SECONDS: Final = 0.25
"""Minimum time between two pings to one node."""

PONG_SECONDS: Final = 0.1
"""Minimum time between two answers to pings, which any publisher can send."""

MOST_NODES: Final = 1000
"""Maximum known nodes: any publisher can make up more."""


class Peers:
    """The other nodes, and what this one publishes.

    Args:
        node: The id of this node, which no other node ever has.
        backplane: Carries the envelopes.
        epoch: Returns the epoch of the store's present history.
        wall_ms: Returns milliseconds since 1970 UTC.

    Attributes:
        listens_since: Since when envelopes arrive, in seconds on Trio's clock; None if none do.
    """

    def __init__(
        self,
        node: str,
        backplane: Backplane,
        *,
        epoch: Callable[[], str],
        wall_ms: Callable[[], int],
    ) -> None:
        self.listens_since: float | None = None
        self._node = node
        self._backplane = backplane
        self._epoch = epoch
        self._wall_ms = wall_ms
        self._number = 0
        self._sessions = count(1)
        self._nodes: dict[str, Node] = {}
        self._counted: dict[tuple[str, str], int] = {}
        """The connections to this node, by user and address."""
        self._grown: Callable[[str, str], None] = _ignore
        """Called with a user and an address of which another node may have more connections."""
        self._received_at: dict[str, float] = {}
        """Arrival of the last envelope of each node; an ended node stays for `FORGET_SECONDS`."""
        self._ticked_at = self._heartbeat_at = self._snapshot_at = float("-inf")
        self._answered_at = float("-inf")
        self._owes_answer = False
        self._owes_snapshot = False
        self._has_missed = False
        self._is_over = False

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def lack_snapshots(self) -> bool:
        """Whether a snapshot of another node is missing; it sends one within a second or so."""
        return any(node.lacks_snapshot and not node.is_ending for node in self._nodes.values())

    def received_at(self, node: str) -> float:
        """Return when a node's last envelope arrived; minus infinity if that was long ago."""
        return self._received_at.get(node, float("-inf"))

    def is_ending(self, node: str) -> bool:
        """Return whether a node is leaving, or its lease has expired."""
        return node in self._nodes and self._nodes[node].is_ending

    def new_session(self) -> str:
        """Return a new, unique name for a presence session."""
        return f"{self._node}-{next(self._sessions):x}"

    # --- publishing ------------------------------------------------------------------------------

    def publish(self, messages: Sequence[NodeMessage]) -> None:
        """Publish messages in one envelope. Without messages it only renews the lease."""
        if self._is_over:
            return
        self._number += 1
        envelope = Envelope(
            self._node, self._number, tuple(messages), self._epoch(), self._wall_ms()
        )
        self._backplane.publish(pack(envelope))

    def owes_snapshot(self, now: float) -> bool:
        """Return whether to publish a snapshot now."""
        return self._owes_snapshot and now >= self._snapshot_at + ASK_SECONDS

    def publish_snapshot(
        self, here: Sequence[UserJoined], read: Sequence[HasRead], now: float
    ) -> None:
        """Publish the whole state of this node, in parts.

        Args:
            here: All users in all rooms of this node.
            read: The read markers that this node knows of them.
            now: The time.
        """
        self._owes_snapshot = False
        self._snapshot_at = now
        counted = [Counted(user, at, number) for (user, at), number in self._counted.items()]
        begins = range(0, max(len(here), len(counted), len(read), 1), _USERS_PER_PART)
        for begin in begins:
            part = slice(begin, begin + _USERS_PER_PART)
            is_first, is_last = begin == 0, begin == begins[-1]
            parts = tuple(here[part]), tuple(counted[part]), tuple(read[part])
            self.publish((Snapshot(*parts, is_first=is_first, is_last=is_last),))

    def leave(self) -> None:
        """Publish that this node has no members left, and nothing after that."""
        self.publish((NodeLeaving(),))
        self._is_over = True

    # --- receiving -------------------------------------------------------------------------------

    def set_connected(self, now: float, *, is_connected: bool) -> None:
        """Note whether envelopes arrive; if so, exchange snapshots with all nodes."""
        self.listens_since = now if is_connected else None
        if is_connected:
            self.publish((Ask(""),))
            self._owes_snapshot = True
            self._snapshot_at = float("-inf")

    def receive(self, envelope: Envelope, now: float) -> Sequence[NodeMessage]:
        """Update the state of an envelope's node, and return the messages to apply, in order."""
        if envelope.node == self._node or not is_label(envelope.node):
            return ()
        node = self._nodes.get(envelope.node)
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                return [one for one in envelope.messages if isinstance(one, EventsStored)]
            node = self._nodes[envelope.node] = Node(envelope.number - 1)
            self._has_missed = True
            _logger.info("node found", other_node=envelope.node)
        self._received_at[envelope.node] = now
        was_ending = node.is_ending
        self._has_missed |= envelope.number > node.number + 1
        news = node.receive(envelope, now)
        for message in envelope.messages:
            self._watch(message, node)
        if node.is_ending and not was_ending:
            _logger.info("node leaving", other_node=envelope.node)
        for message in envelope.messages:
            if isinstance(message, Ask) and message.node in ("", self._node):
                self._owes_snapshot = True
            if isinstance(message, Ping) and message.node == self._node:
                self._owes_answer = True
        self._answer_ping(now)
        self._ask(envelope.node, node, now)
        return news

    def take_missed(self) -> bool:
        """Return whether an envelope was missed since the last call."""
        has_missed, self._has_missed = self._has_missed, False
        return has_missed

    def tick(self, now: float) -> Iterator[tuple[str, UserLeft]]:
        """Renew the lease of this node, and find nodes whose lease has expired.

        Yields:
            The id of an ended node and a user it had, for some of its users.
        """
        if self.listens_since is not None and now > self._ticked_at + STALL_SECONDS:
            self.listens_since = now
        self._ticked_at = now
        if now >= self._heartbeat_at + HEARTBEAT_SECONDS:
            self._heartbeat_at = now
            self.publish(())
        for name, received_at in tuple(self._received_at.items()):
            if now >= received_at + FORGET_SECONDS:
                del self._received_at[name]
        self._answer_ping(now)
        most = _LEAVES_PER_TICK
        for name, node in tuple(self._nodes.items()):
            self._ask(name, node, now)
            if self._has_ended(name, node, now):
                users = node.remove_users(most)
                most -= len(users)
                yield from ((name, user) for user in users)
                if node.is_empty:
                    del self._nodes[name]

    def _answer_ping(self, now: float) -> None:
        if self._owes_answer and now >= self._answered_at + PONG_SECONDS:
            self._answered_at = now
            self._owes_answer = False
            self.publish(())

    def _watch(self, message: NodeMessage, node: Node) -> None:
        """Report users that may have more connections to a node than before."""
        if isinstance(message, Counted) and message.connections:
            self._grown(message.user, message.address)
        elif isinstance(message, Snapshot) and message.is_last:
            for user, address in tuple(self._counted):
                if (user, address) in node.counted:
                    self._grown(user, address)

    def _ask(self, name: str, node: Node, now: float) -> None:
        """Ask a node for its snapshot if a part of its state is missing."""
        if node.lacks_snapshot and not node.is_ending and now >= node.asked_at + ASK_SECONDS:
            node.asked_at = now
            self.publish((Ask(name),))

    def _has_ended(self, name: str, node: Node, now: float) -> bool:
        """Return whether a node has ended; False while no envelopes arrive."""
        if self.listens_since is None:
            return False
        if not node.is_ending and now >= max(node.received_at, self.listens_since) + LEASE_SECONDS:
            node.ends_at = now
            _logger.warning("node lease expired", other_node=name)
        # Since a reconnect, this node needs this long to learn where the users have moved.
        return now >= max(node.ends_at, self.listens_since + LEAVING_SECONDS)

    # --- connections: see `trio_chat.backplane.counts.ConnectionCounts` --------------------------

    def count(self, user: str, address: str, connections: int) -> None:
        """Publish how many connections a user has here now."""
        if connections:
            self._counted[user, address] = connections
        else:
            self._counted.pop((user, address), None)
        self.publish((Counted(user, address, connections),))

    def connections(self, user: str, address: str) -> int:
        """Return the connections to all other nodes; 0 while no envelopes arrive.

        Counts from before an outage may be out of date, and must lock no user out.
        """
        if self.listens_since is None:
            return 0
        key = user, address
        nodes = self._nodes.values()
        return sum(node.counted.get(key, 0) for node in nodes if not node.is_left_out)

    async def recount(self, user: str, address: str) -> None:
        """Ping the nodes that have connections of a user, and leave out those that do not answer.

        The lease of a killed node expires only after 30 s, and its users must not wait for that.
        """
        await trio.lowlevel.checkpoint()
        asked, now = [], trio.current_time()
        for name, node in self._nodes.items():
            if (user, address) not in node.counted or node.is_left_out:
                continue
            asked.append(node)
            if now >= node.pinged_at + PING_SECONDS:
                node.pinged_at = now
                self.publish((Ping(name),))
        silent = asked  # a node that has answered may be pinged again for another user
        while silent := [node for node in silent if node.received_at < node.pinged_at]:
            if trio.current_time() >= now + ANSWER_SECONDS:
                for node in silent:
                    node.is_left_out = True
                return
            await trio.sleep(_POLL_SECONDS)

    def surplus(self, user: str, address: str, most: int) -> int:
        """Return how many of a user's connections this node must close.

        If connections arrived at the same moment, no node knew of the others. Of the nodes that
        have any, the last one by id closes some: otherwise each of them would.
        """
        key = user, address
        total = self._counted.get(key, 0) + self.connections(user, address)
        if total <= most + len(self._nodes) + 1:
            return 0
        if any(name > self._node and key in node.counted for name, node in self._nodes.items()):
            return 0
        return total - most

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Call a function when another node may have more connections of a user."""
        self._grown = grown


def _ignore(_user: str, _address: str) -> None:
    """Do nothing."""

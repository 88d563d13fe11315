"""Connects the hub of this node with the other nodes.

Envelopes arrive by `trio_chat.cluster.receiver`, whose requests call `Cluster.receive` in a turn of
the hub. `Cluster.publish` sends envelopes, once in each turn.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import trio

from trio_chat.backplane.base import Backplane
from trio_chat.cluster.envelope import (
    Envelope,
    EventsStored,
    NodeMessage,
    UserJoined,
    UserLeft,
)
from trio_chat.cluster.heads import ClusterHeads
from trio_chat.cluster.peers import Peers
from trio_chat.cluster.presence import ClusterPresence
from trio_chat.cluster.unseen import UnseenMarkers
from trio_chat.context import Context
from trio_chat.errors import store_unavailable
from trio_chat.hub.limits import NewRooms
from trio_chat.hub.other_nodes import OtherNodes
from trio_chat.hub.plan import Plan, Typed
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.rooms import Rooms
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.messages import HasRead
from trio_chat.store.base import Commit, Store, Stored

START_SECONDS: Final = 1.5
"""Maximum wait of a start for other nodes; clients that connect meanwhile wait, too."""

ANSWER_SECONDS: Final = 0.25
"""A healthy node answers within this time."""

_POLL_SECONDS: Final = 0.25


class Cluster(OtherNodes):
    """The other nodes of this chat.

    Args:
        node: The unique id of this node.
        backplane: Carries envelopes.
        store: All nodes append to it.
        context: Metrics and clock.
    """

    ordinary: frozenset[type] = frozenset()
    owns_marks = False

    def __init__(self, node: str, backplane: Backplane, store: Store, context: Context) -> None:
        self.peers = Peers(node, backplane, epoch=lambda: store.epoch, wall_ms=context.wall_ms)
        context.metrics.watch_nodes(self.peers.__len__)
        self._has_tried = trio.Event()
        """Set once the backplane is up, or known to be down."""
        self._rooms: Rooms
        self._heads: ClusterHeads
        self._unseen: UnseenMarkers
        self._users: ClusterPresence

    async def wait_for_peers(self) -> None:
        """Wait until the other nodes have sent their snapshots, `START_SECONDS` at most."""
        with trio.move_on_after(START_SECONDS):
            await self._has_tried.wait()
            if self.peers.listens_since is not None:
                await trio.sleep(ANSWER_SECONDS)
                while self.peers.lack_snapshots:  # noqa: ASYNC110 - a second at most
                    await trio.sleep(_POLL_SECONDS)

    # --- for the hub -----------------------------------------------------------------------------

    def make_users(self, rooms: dict[str, Room], context: Context) -> ClusterPresence:
        """Return the users of all nodes."""
        peers = self.peers
        self._users = ClusterPresence(rooms, context, peers.new_session, peers.is_ending)
        return self._users

    def make_heads(self, store: Store, rooms: Rooms, new_rooms: NewRooms) -> ClusterHeads:
        """Return the heads of the rooms, which other nodes advance, too."""
        self._rooms = rooms
        self._heads = ClusterHeads(store, rooms, new_rooms)
        self._unseen = UnseenMarkers(rooms, self._heads)
        return self._heads

    def rooms_wanted(self, now: float) -> Iterable[str]:
        """Return the rooms of notices that are due, since no other node stored them."""
        return self._users.rooms_in_doubt(now)

    async def prepare(
        self, joins: Collection[Join], plan: Plan, *, has_tick: bool
    ) -> Collection[Join]:
        """Decide on read markers that waited, and read what joining clients may know."""
        if has_tick:
            markers, heads = await self._unseen.take(plan.now)
            for marker in markers:
                if heads is None:
                    plan.refuse(marker.member, store_unavailable(), marker.room)
                else:
                    self._rooms.mark_read(marker, plan, heads[marker.room])
        return await self._heads.prepare(joins)

    def tick(self, plan: Plan) -> None:
        """Renew the lease of this node, and remove users of nodes that have ended."""
        for node, left in self.peers.tick(plan.now):
            self._users.left(node, left, plan)

    def defer(self, marker: ReadMarker) -> bool:
        """Keep a read marker until the next tick."""
        return self._unseen.add(marker)

    async def finish(self, plan: Plan) -> None:
        """Store notices that are due, and compare heads with the store."""
        self._users.end_doubts(plan, self._rooms.departures.may_announce)
        await self._heads.compare(plan.now)

    def publish(self, plan: Plan, commit: Commit | None) -> None:
        """Publish the events and the news of a turn, and a snapshot if another node needs it."""
        self._users.adopt_sessions(commit, plan)
        outcomes = commit.outcomes if commit is not None else ()
        events = tuple(outcome.event for outcome in outcomes if type(outcome) is Stored)
        news: Sequence[NodeMessage] = plan.news  # type: ignore[assignment]
        if events:
            self.peers.publish((EventsStored(events), *news))
        elif news:
            self.peers.publish(news)
        if self.peers.owes_snapshot(plan.now):
            self.peers.publish_snapshot(tuple(self._users.here()), tuple(self._markers()), plan.now)

    def _markers(self) -> Iterator[HasRead]:
        """Yield the read markers of users on this node, and those that it has stored itself.

        Such a user may have moved to another node since.
        """
        for room in self._rooms.by_name.values():
            if self._users.notifier.is_large(room.presence):
                continue
            presence = self._users.list_of(room.name)
            for key, seq in room.receipts.known().items():
                if key in presence and (key in room.read or presence.lease(key) is not None):
                    yield HasRead(room.name, key, presence.shown(key), seq)

    # --- for the receiver: each is called in a turn ----------------------------------------------

    def connected(self, plan: Plan) -> None:
        """Note that envelopes arrive from now on; earlier ones may be missing."""
        self._set_connected(plan, is_connected=True)

    def disconnected(self, plan: Plan) -> None:
        """Note that no envelopes arrive."""
        self._set_connected(plan, is_connected=False)

    def receive(self, envelopes: Sequence[Envelope], done: Callable[[], None], plan: Plan) -> None:
        """Apply envelopes in order, then call ``done``: the next ones may arrive."""
        for envelope in envelopes:
            for message in self.peers.receive(envelope, plan.now):
                self._apply(envelope.node, message, plan)
        done()
        if self.peers.take_missed():
            self._heads.note_gap()

    def _set_connected(self, plan: Plan, *, is_connected: bool) -> None:
        self.peers.set_connected(plan.now, is_connected=is_connected)
        self._has_tried.set()
        self._heads.set_connected(is_connected=is_connected)

    def _apply(self, node: str, message: NodeMessage, plan: Plan) -> None:
        match message:
            case EventsStored(events):
                self._heads.receive(events)
            case UserJoined():
                self._users.joined(node, message, plan)
            case UserLeft():
                self._users.left(node, message, plan)
            case Typed() | HasRead():
                room = self._rooms.by_name.get(message.room)
                if room is None or message.user not in room.presence:
                    return
                if isinstance(message, HasRead):
                    message.shown = room.presence.shown(message.user)
                    self._rooms.note_read(room, message, plan)
                else:
                    self._rooms.note_typing(room, message.user, plan, is_typing=message.is_typing)
            case _:
                pass  # `Peers` has handled it

"""Users join and leave rooms on all nodes: the list of each room, and the notices. No trio.

Each room has one list for all nodes, even a room that is not open here. The node that a user joins
stores the join event; the node that had the user last stores the leave event. A user may join on
several nodes at the same moment. Then each node stores the event with the same ``ref``, and the
store accepts only the first, whose id names the *presence session*. Sometimes nodes cannot know
which of them must store an event: two nodes lost a user at the same moment, or a node died. Then
every node that learns of it stores the event with the session as ``ref``, and the store accepts it
once.
"""

from collections.abc import Callable, Iterator
from typing import Final

from trio_chat.cluster.envelope import UserJoined, UserLeft
from trio_chat.cluster.leases import Lease, SharedPresence
from trio_chat.context import Context
from trio_chat.hub.plan import Plan
from trio_chat.hub.presence import UNANNOUNCED, User
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.users import Users, notice
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.protocol.names import Name
from trio_chat.store.base import Commit, Repeated

DOUBT_SECONDS: Final = 1.0
"""How long a notice waits for a node that has the user and has not reported that yet: after an
outage the nodes send their snapshots one after another."""

MOST_IN_DOUBT: Final = 10_000
"""Maximum waiting notices: during an outage of the store they cannot end."""

ARRIVAL_MS: Final = 30_000
"""Nodes learn of each other's users within this time. A node that stores an arrival sooner did not
know of the first one, and stores the same arrival."""

_ADOPTED: Final = "+"
"""Ends a session that a node took from the store before the envelope of the other node arrived: the
displayed name of the first node decides."""

SESSIONS: Final = Author("", "stay")
"""The author of notices that several nodes may store. Nodes of all versions must use the same one.
No user has this name, and no client can change a notice: its kind is not `Kind.MESSAGE`."""


class ClusterPresence(Users):
    """The users of all rooms on all nodes.

    Args:
        rooms: The open rooms, by name.
        context: Limits and ids.
        new_session: Returns a new name, unique on all nodes.
        is_ending: Returns whether another node publishes nothing more, so that its users may move.
    """

    def __init__(
        self,
        rooms: dict[str, Room],
        context: Context,
        new_session: Callable[[], str],
        is_ending: Callable[[str], bool],
    ) -> None:
        super().__init__(rooms, context)
        self._new_session = new_session
        self._is_ending = is_ending
        self._lists: dict[str, SharedPresence] = {}
        """Of each room that is open here, or in which another node has a user."""
        self._in_doubt: dict[tuple[str, str], tuple[float, User]] = {}
        """By room and key: users who left, whose notice another node should have stored, and when
        this node stores it."""
        self._arrivals: list[tuple[int, Room, str]] = []
        """The arrivals of this turn: number of the draft, room and key."""

    def list_of(self, room: str) -> SharedPresence:
        """See `Users.list_of`."""
        return self._lists.setdefault(room, SharedPresence())

    def forget(self, room: str) -> None:
        """See `Users.forget`."""
        if not self._lists[room]:
            del self._lists[room]

    def here(self) -> Iterator[UserJoined]:
        """Yield all users in all rooms on this node."""
        for room, presence in self._lists.items():
            for key, (session, shown) in presence.here():
                yield UserJoined(room, key, shown, session)

    # --- on this node ----------------------------------------------------------------------------

    def arrive(self, room: Room, join: Join, plan: Plan) -> None:
        """See `Users.arrive`."""
        key = join.name.key
        is_new = key not in room.presence
        before = self._in_doubt.pop((room.name, key), None) if is_new else None
        is_noticed = is_new and before is None and self._is_noticed(room, join, plan)
        session = before[1].session if before is not None else self._session(is_noticed=is_noticed)
        if self._add(room, join, session, plan):
            session, shown = self._lists[room.name].deciding_lease(key)
            plan.news.append(UserJoined(room.name, key, shown, session))
        if is_noticed:
            plan.announced.append((room, key))

    def depart(self, room: Room, key: str, plan: Plan, *, may_return: bool) -> None:
        """See `Users.depart`.

        A node that is ending does not count as another node: the user may have moved from it to
        this one, and needs the time to return here as well.
        """
        presence = self._lists[room.name]
        others = presence.other_nodes(key)
        if all(map(self._is_ending, others)):
            super().depart(room, key, plan, may_return=may_return or bool(others))
        else:
            self._quit(room.name, presence, key, plan)

    def leave(self, room: Room, key: str, plan: Plan) -> None:
        """Remove a user from this node for good, and from the room if no other node has them."""
        if self._lists[room.name].quit(key):  # on a node that is ending
            plan.news.append(UserLeft(room.name, key, is_announced=False))
            return
        plan.news.append(UserLeft(room.name, key, is_announced=True))
        super().leave(room, key, plan)

    def _quit(self, room: str, presence: SharedPresence, key: str, plan: Plan) -> None:
        """Note that only other nodes have a user now."""
        presence.quit(key)
        plan.news.append(UserLeft(room, key, is_announced=False))

    # --- on other nodes --------------------------------------------------------------------------

    def joined(self, node: str, user: UserJoined, plan: Plan) -> None:
        """Note that another node has a user."""
        presence = self.list_of(user.room)
        if user.user not in presence:
            self.names.add(Name(user.shown, user.user))
        if presence.receive(node, Name(user.shown, user.user), user.session):
            session, shown = presence.deciding_lease(user.user)
            plan.news.append(UserJoined(user.room, user.user, shown, session))
            self.names.replace(Name(shown, user.user))
        if user.user in presence.away_until:  # the user has returned to another node
            self._quit(user.room, presence, user.user, plan)
        self._notify(user.room, presence, plan)

    def left(self, node: str, user: UserLeft, plan: Plan) -> None:
        """Note that another node no longer has a user."""
        presence, key = self._lists[user.room], user.user
        theirs, ours = presence.lease(key, node), presence.lease(key)
        if presence.lose(node, key):
            ended = _begun(theirs)
            is_ours = ours and ended == _begun(ours) and not ended.startswith(UNANNOUNCED)
            if user.is_announced and is_ours:
                self._restart(self._rooms[user.room], key, ended, plan)
            self._notify(user.room, presence, plan)
            return
        unnoticed = self._lose(user.room, key, plan)
        if unnoticed is not None and not user.is_announced and len(self._in_doubt) < MOST_IN_DOUBT:
            self._in_doubt[user.room, key] = plan.now + DOUBT_SECONDS, unnoticed

    def _lose(self, name: str, key: str, plan: Plan) -> User | None:
        """Remove a user that no node has; return the user if the notice is missing."""
        room = self._rooms.get(name)
        if room is not None:
            return self._remove(room, key, plan)
        presence = self._lists[name]
        was_large = self.notifier.is_large(presence)
        self.names.remove(key)
        self._notices.forget(name, key)
        user = presence.remove(key)
        presence.take_changes()
        self.forget(name)
        return user if user.is_announced and not was_large else None

    def _restart(self, room: Room, key: str, ended: str, plan: Plan) -> None:
        """Begin a new session: a node that did not know of the user here has stored a leave event.

        Every node that has the user stores an arrival, with the ended session as ``ref``. So they
        agree on one new session; otherwise each would later store a leave event of its own.
        """
        is_noticed = not self.notifier.is_large(room.presence)
        presence = self._lists[room.name]
        session, shown = presence.renew(key, self._session(is_noticed=is_noticed))
        plan.news.append(UserJoined(room.name, key, shown, session))
        if is_noticed:
            self._store_arrival(room, key, session, plan, f"{ended} again")

    def _notify(self, name: str, presence: SharedPresence, plan: Plan) -> None:
        room = self._rooms.get(name)
        if room is None:
            presence.take_changes()
        elif presence.changed:
            self.notifier.presence_changed(room, plan)

    # --- notices in doubt ------------------------------------------------------------------------

    def rooms_in_doubt(self, now: float) -> Iterator[str]:
        """Yield the names of rooms that must be open for the notices that are due."""
        return (room for (room, _), (due, _) in self._in_doubt.items() if now >= due)

    def end_doubts(self, plan: Plan, may_announce: Callable[[Room], bool]) -> None:
        """Store the notices that are due and that no other node stored, in open rooms.

        Args:
            plan: Of the turn.
            may_announce: Returns whether this turn may announce one more.
        """
        for (name, key), (due, user) in tuple(self._in_doubt.items()):
            room = self._rooms.get(name)
            if plan.now < due or room is None:
                continue
            if not may_announce(room):
                return
            del self._in_doubt[name, key]
            lease = (user.session, user.name.shown)
            if key not in room.presence or self._lists[name].deciding_lease(key) != lease:
                self._store_departure(room, user, plan)

    # --- storing ---------------------------------------------------------------------------------

    def store_join(self, room: Room, key: str, plan: Plan) -> None:
        """Store the notice that a user has joined, unless another node has just done so."""
        session, _ = self._lists[room.name].deciding_lease(key)
        self._store_arrival(room, key, session, plan, _arrival(room.name, key))

    def adopt_sessions(self, commit: Commit | None, plan: Plan) -> None:
        """Adopt the sessions of users whose arrival another node stored at the same moment."""
        arrivals, self._arrivals = self._arrivals, []
        if commit is None:
            return
        for number, room, key in arrivals:
            outcome = commit.outcomes[number]
            if type(outcome) is not Repeated or key not in room.presence:
                continue
            presence = self._lists[room.name]
            lease = presence.lease(key)
            if lease is not None and lease[0] == plan.drafts[number].id:
                session = outcome.id + _ADOPTED
                presence.renew(key, session)
                for news in plan.news:  # not published yet
                    if isinstance(news, UserJoined) and news.session == lease[0]:
                        news.session = session

    def _session(self, *, is_noticed: bool) -> str:
        """Return the name of a new session; an announced one has the id of its notice."""
        return self._new_id() if is_noticed else UNANNOUNCED + self._new_session()

    def _store_arrival(self, room: Room, key: str, session: str, plan: Plan, ref: str) -> None:
        """Store an arrival. The first node that stores it under one ``ref`` names the session."""
        draft = notice(Kind.JOINED, session, room.name, room.presence.shown(key), plan.ts)
        draft.ref_ms = ARRIVAL_MS
        self._arrivals.append((len(plan.drafts), room, key))
        _store_once(room, draft, plan, ref)

    def _store_departure(self, room: Room, user: User, plan: Plan) -> None:
        draft = notice(Kind.LEFT, self._new_id(), room.name, user.name.shown, plan.ts)
        draft.ends = _arrival(room.name, user.name.key)
        _store_once(room, draft, plan, user.session.removesuffix(_ADOPTED))


def _store_once(room: Room, draft: Draft, plan: Plan, ref: str) -> None:
    draft.author, draft.ref = SESSIONS, ref
    plan.store(room, draft)


def _begun(lease: Lease | None) -> str:
    """Return the session of a lease as its first node named it; empty without a lease."""
    return lease[0].removesuffix(_ADOPTED) if lease is not None else ""


def _arrival(room: str, key: str) -> str:
    """Return the ``ref`` of a join event. No session has a blank."""
    return f"{room} {key}"

"""Users come and go, here and on other nodes: the lists of who is there, and the notices of it.

There is one list for each room, of all nodes, also of rooms that are not open here. Of a user who
comes, only the node where that happens logs it; of one who leaves, the node that had the user last.
A user may come to several nodes at the same moment, before they have heard of each other. Then each
logs it with the same ``ref``, and the store takes only the first: the stay is named by that notice.
Where that is not clear (two nodes lost a user at the same moment; a node died), every node that
hears of it logs it, with the user's *stay* as ``ref``: the store takes it once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attrs import define

from trio_chat.cluster.envelope import Typed, UserJoined, UserLeft
from trio_chat.hub.notices import NoticeBudget, is_announced, notice, unannounced
from trio_chat.hub.plan import Entry, Plan
from trio_chat.hub.presence import Lease, Presence
from trio_chat.hub.presence_notifier import PresenceNotifier
from trio_chat.hub.requests import Join
from trio_chat.hub.room import Room
from trio_chat.hub.shown_names import ShownNames
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.protocol.names import Name
from trio_chat.store.base import Outcome, Repeated

GRACE_SECONDS: Final = 5.0
"""The time to return before a lost connection is announced (docs/reference/wire.md, promise 7)."""

DOUBT_SECONDS: Final = 1.0
"""How long a notice waits for a node that has the user and has not been heard yet: after an outage
the nodes tell what they have one after the other."""

MOST_IN_DOUBT: Final = 10_000
"""Where the store is out of reach, the notices of no more users wait for it."""

ARRIVAL_MS: Final = 30_000
"""Within this time nodes learn of each other's users. So a node that logs an arrival sooner did not
know of the first one, and logs the same arrival."""

_ADOPTED: Final = "+"
"""Ends a stay that a node took over from the store, before the other node's envelope arrived: the
name as the first node shows it counts."""

STAYS: Final = Author("", "stay")
"""Whose the notices are that several nodes may log. No user is called so, and a notice can't be
changed: it is no `Kind.MESSAGE`."""


@define
class _Farewell:
    """A user has left, and it may be for this node to log that.

    Attributes:
        due: When it is to be logged, in seconds on Trio's clock.
    """

    room: str
    key: str
    shown: str
    stay: str
    due: float


class ClusterPresence:
    """Who is in which room.

    Args:
        rooms: Those that are open here.
        announcer: Tells them.
        names: The form in which each user is displayed.
        notices: Says which arrivals are announced.
        new_id: Makes the id of an event, unique for ever.
        new_stay: Makes the name of a user's stay, the same; an empty one if there is one node only.
        is_ending: Returns whether another node says nothing more, and its users may move.
    """

    def __init__(  # noqa: PLR0913 - given once, by `Rooms`
        self,
        rooms: Mapping[str, Room],
        announcer: PresenceNotifier,
        names: ShownNames,
        notices: NoticeBudget,
        *,
        new_id: Callable[[], str],
        new_stay: Callable[[], str],
        is_ending: Callable[[str], bool],
    ) -> None:
        self._rooms = rooms
        self._announcer = announcer
        self._names = names
        self._notices = notices
        self._new_id = new_id
        self._new_stay = new_stay
        self._is_ending = is_ending
        self._lists: dict[str, Presence] = {}
        """Of each room that is open here, or in which another node has somebody."""
        self._in_doubt: dict[tuple[str, str], _Farewell] = {}
        """By room and key: who has left, and should have been seen off by another node."""

    def list_of(self, room: str) -> Presence:
        """The list of a room that is about to be opened."""
        return self._lists.setdefault(room, Presence())

    def forget(self, room: str) -> None:
        """The room is not open any more."""
        self._drop_if_empty(room, self._lists[room])

    def here(self) -> Iterator[UserJoined]:
        """All users in all rooms on this node."""
        for room, presence in self._lists.items():
            for key, (stay, shown) in presence.here():
                yield UserJoined(room, key, shown, stay)

    # --- here ------------------------------------------------------------------------------------

    def arrive(self, room: Room, join: Join, plan: Plan) -> bool:
        """Count one more connection of a user in a room.

        Returns:
            Whether a notice announces the user: call `log_join` once the member is admitted.
        """
        presence, name = room.presence, join.name
        key = name.key
        is_new = key not in presence
        before = self._in_doubt.pop((room.name, key), None) if is_new else None
        is_noticed = (
            is_new
            and before is None
            and not self._announcer.would_be_crowd(presence)
            and self._notices.take_join(join, plan.now)
        )
        if is_new:
            name = self._names.add(name)
        stay = before.stay if before is not None else self._new_stay_of(is_noticed=is_noticed)
        if presence.arrive(name, stay):
            stay, shown = presence.claim_that_counts(key)
            plan.said.append(UserJoined(room.name, key, shown, stay))
        if is_new:
            self._announcer.presence_changed(room, plan)
        return is_noticed

    def depart(self, room: Room, key: str, plan: Plan, *, may_return: bool) -> None:
        """The last connection of a user to this node has gone.

        A node that is ending does not count as another node: the user may have moved from it to
        this one, and needs the time to come back here as well.
        """
        others = room.presence.other_nodes(key)
        if not all(map(self._is_ending, others)):
            self._quit(room.name, room.presence, key, plan)
        elif others or may_return:
            room.presence.wait_for(key, plan.now + GRACE_SECONDS)
            if room.typing.end(key):
                self._announcer.tell_typing(room, plan)
                plan.said.append(Typed(room.name, key, room.presence.shown(key), is_typing=False))
        else:
            self.leave(room, key, plan)

    def leave(self, room: Room, key: str, plan: Plan) -> None:
        """A user has left this node for good. If no other has the user, everybody is told."""
        if room.presence.quit(key):  # on a node that was ending, and is not over yet
            plan.said.append(UserLeft(room.name, key, is_told=False))
            return
        plan.said.append(UserLeft(room.name, key, is_told=True))
        self._notices.count_leave(room.name, key, plan.now)
        farewell = self._take_off(room.name, key, plan)
        if farewell is not None:
            self._store(room, farewell, plan)

    def _quit(self, room: str, presence: Presence, key: str, plan: Plan) -> None:
        """A user is on another node only."""
        presence.quit(key)
        plan.said.append(UserLeft(room, key, is_told=False))

    # --- on other nodes --------------------------------------------------------------------------

    def hear_here(self, node: str, here: UserJoined, plan: Plan) -> None:
        """Another node has a user."""
        presence = self._lists.setdefault(here.room, Presence())
        if here.user not in presence:
            self._names.add(Name(here.shown, here.user))
        if presence.hear(node, Name(here.shown, here.user), here.stay):
            stay, shown = presence.claim_that_counts(here.user)
            plan.said.append(UserJoined(here.room, here.user, shown, stay))
            self._names.replace(Name(shown, here.user))
        if presence.awaits(here.user):  # and has come back elsewhere
            self._quit(here.room, presence, here.user, plan)
        self._tell_changes(here.room, presence, plan)

    def hear_away(self, node: str, away: UserLeft, plan: Plan) -> None:
        """Another node does not have a user any more."""
        presence, key = self._lists[away.room], away.user
        theirs, ours = presence.claim(key, node), presence.claim(key)
        if presence.lose(node, key):
            ended = _begun(theirs)
            if away.is_told and ours and ended == _begun(ours) and is_announced(ended):
                self._begin_anew(self._rooms[away.room], key, ended, plan)
            self._tell_changes(away.room, presence, plan)
            return
        farewell = self._take_off(away.room, key, plan)
        if farewell is not None and not away.is_told and len(self._in_doubt) < MOST_IN_DOUBT:
            farewell.due = plan.now + DOUBT_SECONDS
            self._in_doubt[away.room, key] = farewell

    def _begin_anew(self, room: Room, key: str, ended: str, plan: Plan) -> None:
        """Begin a new stay: a node that did not know of the user here has logged a departure.

        Every node that has the user logs an arrival, with the stay that ended as ``ref``. They
        agree on one new stay: otherwise each would log a departure from its own.
        """
        is_noticed = not self._announcer.is_crowd(room.presence)
        stay, shown = room.presence.renew(key, self._new_stay_of(is_noticed=is_noticed))
        plan.said.append(UserJoined(room.name, key, shown, stay))
        if is_noticed:
            self._store_arrival(room, key, stay, plan, f"{ended} again")

    # --- what is in doubt ------------------------------------------------------------------------

    def rooms_in_doubt(self, now: float) -> Iterator[str]:
        """The rooms that have to be open for what is due."""
        return (one.room for one in self._in_doubt.values() if now >= one.due)

    def settle_doubts(self, plan: Plan, may_announce: Callable[[Room], bool]) -> None:
        """Log who has left and was not seen off, where it is due and the room is open.

        Args:
            plan: Of the turn.
            may_announce: Whether one more may be announced in this turn.
        """
        for (name, key), farewell in tuple(self._in_doubt.items()):
            room = self._rooms.get(name)
            if plan.now < farewell.due or room is None:
                continue
            if not may_announce(room):
                return
            del self._in_doubt[name, key]
            claim = (farewell.stay, farewell.shown)
            if key not in room.presence or room.presence.claim_that_counts(key) != claim:
                self._store(room, farewell, plan)

    # --- inside ----------------------------------------------------------------------------------

    def _new_stay_of(self, *, is_noticed: bool) -> str:
        stay = self._new_stay()
        if not is_noticed:
            return unannounced(stay)
        return stay and self._new_id()  # of the notice

    def _take_off(self, name: str, key: str, plan: Plan) -> _Farewell | None:
        """Remove a user when no node has them; returns the notice of that, if any.

        A crowd has none, nor has a user whose arrival was not announced.
        """
        presence = self._lists[name]
        was_crowd = self._announcer.is_crowd(presence)
        self._names.remove(key)
        self._notices.forget(name, key)
        stay, shown = presence.remove(key)
        room = self._rooms.get(name)
        if room is None:
            presence.take_changes()
            self._drop_if_empty(name, presence)
        else:
            room.read.pop(key, None)
            room.receipts.leave(key)
            self._announcer.presence_changed(room, plan)
            room.typing.end(key)
            self._announcer.tell_typing(room, plan)
        if was_crowd or not is_announced(stay):
            return None
        return _Farewell(name, key, shown, stay, plan.now)

    def _tell_changes(self, name: str, presence: Presence, plan: Plan) -> None:
        room = self._rooms.get(name)
        if room is None:
            presence.take_changes()
        elif presence.has_changed:
            self._announcer.presence_changed(room, plan)

    def _drop_if_empty(self, name: str, presence: Presence) -> None:
        if not len(presence):
            del self._lists[name]

    # --- notices ---------------------------------------------------------------------------------

    def log_join(self, room: Room, key: str, plan: Plan) -> None:
        """Log that a user has joined, unless another node has just done so."""
        stay, _ = room.presence.claim_that_counts(key)
        self._store_arrival(room, key, stay, plan, _arrival(room.name, key) if stay else "")

    def _store_arrival(self, room: Room, key: str, stay: str, plan: Plan, ref: str) -> None:
        """Log an arrival. The first of the nodes that store it under one ``ref`` names the stay."""
        id_, name = stay or self._new_id(), room.presence.shown(key)
        self._store_notice(room, notice(Kind.JOINED, id_, room.name, name, plan.ts), plan, ref)
        if ref:
            plan.drafts[-1].ref_ms = ARRIVAL_MS
            plan.arrivals.append((len(plan.drafts) - 1, room, key))

    def adopt_stays(self, outcomes: Sequence[Outcome], plan: Plan) -> None:
        """Take over the stays of users whose arrival another node logged at the same moment."""
        for number, room, key in plan.arrivals:
            outcome = outcomes[number]
            if type(outcome) is not Repeated or key not in room.presence:
                continue
            claim = room.presence.claim(key)
            if claim is not None and claim[0] == plan.drafts[number].id:
                stay = outcome.id + _ADOPTED
                room.presence.renew(key, stay)
                for said in plan.said:  # not published yet
                    if isinstance(said, UserJoined) and said.stay == claim[0]:
                        said.stay = stay

    def _store_notice(self, room: Room, draft: Draft, plan: Plan, stay: str) -> None:
        """Store a notice; if a stay is given, once for that stay."""
        if stay:
            draft.author, draft.ref = STAYS, stay
        plan.drafts.append(draft)
        plan.steps.append(Entry(room, draft, None))

    def _store(self, room: Room, farewell: _Farewell, plan: Plan) -> None:
        stay = farewell.stay.removesuffix(_ADOPTED)
        left = notice(Kind.LEFT, self._new_id(), room.name, farewell.shown, plan.ts)
        self._store_notice(room, left, plan, stay)
        if stay:
            plan.drafts[-1].ends = _arrival(room.name, farewell.key)


def _begun(claim: Lease | None) -> str:
    """Return the stay of a claim as its first node named it, or an empty string without a claim."""
    return claim[0].removesuffix(_ADOPTED) if claim is not None else ""


def _arrival(room: str, key: str) -> str:
    """Make the ``ref`` of a notice that a user has come. No stay has a blank."""
    return f"{room} {key}"

"""The hub: the only one that logs and fans out, in turns that never overlap.

Its inbox (`trio_chat.hub.inbox`) reads the connections, in this task, and gives it a batch of
requests. Each batch is a turn of three steps:

1. *decide* (sync, `trio_chat.hub.rooms`): what happens, in order, as a list of steps, and what of
   it goes on the store;
2. *commit*: one append for the whole batch, which numbers the events;
3. *tell* (`trio_chat.hub.deliver`): the steps in order, to everybody they concern.

So nobody sees an event that is not on the store, and under load k messages cost one write a member.
Requests come from the connections, from the clock and from other nodes; nothing else touches the
state of a room. Other nodes are told what was committed, and what else they have to know, between
the second step and the third.

Each room has a cursor, its head: what is sent goes on from there, without a gap
(`trio_chat.hub.heads`).

Most turns are *ordinary*: they hold nothing but what members send to their rooms, and wait for the
commit only. A store without a disk commits in a plain call, and the turn waits for nothing.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, TypeGuard

import trio

from trio_chat.cluster.envelope import Happened
from trio_chat.cluster.peers import Peers
from trio_chat.cluster.unseen import UnseenReceipts
from trio_chat.errors import HistoryReplaced, Outage, store_unavailable
from trio_chat.hub.deliver import Dispatcher
from trio_chat.hub.empty_rooms import EMPTY_SECONDS, QUIET_SECONDS
from trio_chat.hub.heads import Heads
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.limits import RoomLimits
from trio_chat.hub.opening import Opening
from trio_chat.hub.plan import Answered, Plan, TurnedAway
from trio_chat.hub.renewal import Renewal, drop_what_is_over
from trio_chat.hub.requests import (
    ChangeTyping,
    Flush,
    Heard,
    Join,
    MarkRead,
    Member,
    Publish,
    Reach,
    Request,
    Tick,
)
from trio_chat.hub.rooms import Rooms, turn_away
from trio_chat.metrics import Metrics
from trio_chat.store.base import Commit, Store, Stored
from trio_chat.store.recent import RecentPages

TICK_SECONDS: Final = 0.25
"""How often the clock asks for what has run out: typing ends within 6 and 6.25 seconds."""

RUSH_TICK_SECONDS: Final = 0.02
"""The same while more users leave than can be announced in one turn."""

MEET_SECONDS: Final = 1.5
"""How long a start waits for other nodes: whoever comes meanwhile waits, too."""

ANSWER_SECONDS: Final = 0.25
"""In this time a node that is asked has told what it has, if it is well."""

Ordinary = ChangeTyping | MarkRead | Publish
"""What members send to their rooms: it changes neither who is there nor how much is known."""

_ORDINARY: Final = frozenset({ChangeTyping, MarkRead, Publish})

_NOTHING: Final = Commit(())

_ATTEMPTS: Final = 3
"""The most tries to commit a batch, each after the store turned out to hold another history."""


class Hub:
    """Rooms, and the inbox through which everything comes.

    Args:
        store: Where events are committed before anybody sees them.
        metrics: What the hub counts goes here.
        nodes: The others, on the same store.
        limits: Of all rooms.
        wall_ms: Milliseconds since 1970 UTC.
        new_id: Makes the id of an event, unique for ever.
    """

    def __init__(  # noqa: PLR0913 - given once, by the composition root
        self,
        store: Store,
        metrics: Metrics,
        *,
        nodes: Peers,
        limits: RoomLimits,
        wall_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.inbox = Inbox()
        self.turns = 0
        """Those that `run` has taken: while it runs, the clock asks for four a second."""
        self._store = store
        self._commit_nowait = store.commit_nowait
        self._metrics = metrics
        self._wall_ms = wall_ms
        # A log on a disk needs nobody to remember where a room is, and there may be many.
        empty_seconds = QUIET_SECONDS if store.commit_nowait is None else EMPTY_SECONDS
        self.recent = RecentPages(lambda: store.epoch, keeps_marks=not nodes.is_shared)
        self._rooms = Rooms(
            limits=limits,
            new_id=new_id,
            new_stay=nodes.new_stay,
            is_ending=nodes.is_ending,
            empty_seconds=empty_seconds,
            recent=self.recent,
        )
        self.names = self._rooms.names
        self._nodes = nodes
        self._has_tried = trio.Event()
        """Whether the backplane has been in reach, or found not to be."""
        metrics.watch_nodes(nodes.__len__)
        metrics.watch_hub(
            users=self.names.__len__, occupied=self._rooms.occupied, empty=self._rooms.empty
        )
        self._cursors = Heads(store, self._rooms, is_shared=nodes.is_shared)
        self._opening = Opening(store, self._rooms, self._cursors, limits)
        self._unseen = UnseenReceipts(self._rooms, self._cursors)
        self._renewal = Renewal(store, self._rooms, self._cursors)
        self._teller = Dispatcher(metrics, self.recent)
        self._unsettled: list[Flush] = []
        """Those who wait, in this turn or longer, as a member has not left all its rooms."""

    async def run(self) -> None:
        """Deal with requests until cancelled. Whatever it raises ends the server.

        A cancellation closes the inbox, and breaks the wait for room in it.
        """
        with self.inbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.inbox.read_in_long_turns)
                while True:
                    batch = await self.inbox.take()
                    await self._turn(batch)
                    self.turns += 1
                    del batch  # or those that have left would be kept until the next one comes

    async def keep_time(self) -> None:
        """The clock: a `Tick` into the inbox, four times a second, or more often in a rush."""
        while True:
            is_late = self._rooms.departures.are_late
            await trio.sleep(RUSH_TICK_SECONDS if is_late else TICK_SECONDS)
            await self.inbox.send(Tick())

    async def settle(self) -> None:
        """Wait until everything put into the inbox before has been dealt with."""
        done = trio.Event()
        await self.inbox.send(Flush(done.set))
        await done.wait()

    async def wait_for_peers(self) -> None:
        """Wait until the other nodes have said who is there, if they can be reached soon."""
        if not self._nodes.is_shared:
            return
        with trio.move_on_after(MEET_SECONDS):
            await self._has_tried.wait()
            if self._nodes.is_listening:
                await trio.sleep(ANSWER_SECONDS)
                while self._nodes.lack_rolls:  # noqa: ASYNC110 - a second at most
                    await trio.sleep(TICK_SECONDS)

    def say_goodbye(self) -> None:
        """Tell the other nodes that there is nobody here any more: who was may come to them."""
        self._nodes.say_goodbye()

    # --- a turn ----------------------------------------------------------------------------------

    async def _turn(self, batch: list[Request]) -> None:
        started = time.perf_counter()
        plan = Plan(self.inbox.now, self._wall_ms())
        if self._is_ordinary(batch):
            self._rooms.decide(batch, plan)
        else:
            await self._decide_all(batch, plan)
            await self._cursors.compare(plan.now)
        commit = await self._commit(plan)
        if self._nodes.is_shared:
            self._tell_nodes(plan, commit)
        if self._cursors.are_behind and not self._renewal.is_under_way:
            await self._catch_up(plan, commit)
        for _ in self._teller.tell(plan, commit):
            await trio.lowlevel.checkpoint()
        if plan.settles or self._unsettled:
            self._end_settles(plan)
        self._metrics.hub_turn_seconds.observe(time.perf_counter() - started)

    def _is_ordinary(self, batch: list[Request]) -> TypeGuard[list[Ordinary]]:
        """Whether members only send something to their rooms, and nothing else is due."""
        if self._nodes.is_shared or self._rooms.departures.waiting:
            return False
        if self._renewal.is_busy or self._cursors.is_over:
            return False
        return _ORDINARY.issuperset(map(type, batch))

    async def _decide_all(self, batch: Sequence[Request], plan: Plan) -> None:
        """Decide on requests, and on what is due, in rooms that are opened for it."""
        self.inbox.turn_waits()
        has_tick = any(isinstance(request, Tick) for request in batch)
        self._rooms.departures.begin_turn(has_tick=has_tick)
        self._rooms.decide_departures(plan)
        joins = [request for request in batch if isinstance(request, Join)]
        wanted = dict.fromkeys(join.room for join in joins)  # in their order
        wanted.update(dict.fromkeys(self._rooms.attendance.rooms_in_doubt(plan.now)))
        if has_tick:
            await self._opening.forget_empty(plan.now, wanted)
        unmet: Collection[Join] = joins
        too_new: Collection[str] = ()
        if not self._renewal.is_due or await self._renewal.carry_out():
            if has_tick:
                await self._decide_unseen(plan)
            unmet = await self._cursors.meet(joins) if joins else ()
            too_new = await self._opening.open(wanted, joins, plan.now)
        for request in batch:
            if too_new and isinstance(request, Join) and request.room in too_new:
                plan.steps.append(TurnedAway(request, self._opening.refusal(request, plan.now)))
            elif unmet and isinstance(request, Join) and request in unmet:
                turn_away(request, plan)
            else:
                self._decide(request, plan)
        if self._renewal.admit_some(plan):
            self._ask_for_a_turn()
        self._rooms.attendance.settle_doubts(plan, self._rooms.departures.may_announce)
        self._rooms.decide_presence(plan)

    def _decide(self, request: Request, plan: Plan) -> None:
        if isinstance(request, Heard):
            for envelope in request.envelopes:
                for said in self._nodes.hear(envelope, plan.now):
                    if type(said) is Happened:
                        self._cursors.hear(said.events)
                    else:
                        self._rooms.hear(envelope.node, said, plan)
            request.done()
            if self._nodes.take_missed():
                self._cursors.distrust()
            return
        if isinstance(request, Reach):
            self._nodes.reach(plan.now, is_given=request.is_given)
            self._has_tried.set()
            self._cursors.reach(is_given=request.is_given)
            return
        if type(request) is Tick and self._nodes.is_shared:
            for node, away in self._nodes.tick(plan.now):
                self._rooms.hear(node, away, plan)
        if type(request) is MarkRead and self._nodes.is_shared and self._unseen.takes(request):
            return
        self._rooms.decide((request,), plan)

    async def _decide_unseen(self, plan: Plan) -> None:
        """Decide the receipts for what had not been sent here when they came."""
        receipts, heads = await self._unseen.take(plan.now)
        for receipt in receipts:
            if heads is None:
                plan.steps.append(_unavailable(receipt.member, receipt.room))
            else:
                self._rooms.mark_read(receipt, plan, heads[receipt.room])

    async def _commit(self, plan: Plan) -> Commit | None:
        """Commit the batch; None if the store is unavailable, so the outcome is unknown."""
        if not plan.drafts and not plan.marks:
            return _NOTHING
        for _ in range(_ATTEMPTS):
            if self._renewal.is_due and not await self._begin_anew(plan):
                break
            marks = plan.marks_to_commit() if plan.marks else ()
            try:
                if self._commit_nowait is not None:
                    commit = self._commit_nowait(plan.drafts, marks)
                else:
                    self.inbox.turn_waits()
                    commit = await self._store.append(plan.drafts, marks)
            except HistoryReplaced:
                continue
            except Outage:
                break
            if plan.marks or plan.arrivals:
                self._note(plan, commit)
            self._cursors.check(plan, commit)
            if self._cursors.is_over:
                await self._begin_anew(plan)
            return commit
        self._cursors.doubt(plan)
        for mark, _, member in plan.marks.values():
            plan.steps.append(_unavailable(member, mark.room))
        return None

    def _note(self, plan: Plan, commit: Commit) -> None:
        """Change what depends on the commit besides the cursors: marks and stays."""
        if plan.marks:
            self._rooms.note_read(commit.grown, plan)
        if plan.arrivals:
            self._rooms.attendance.adopt_stays(commit.outcomes, plan)

    async def _begin_anew(self, plan: Plan) -> bool:
        """Move the rooms to another history in the midst of a turn; False if that has to wait."""
        drop_what_is_over(plan)
        return await self._renewal.carry_out()

    def _end_settles(self, plan: Plan) -> None:
        """Tell those who wait for the end of this turn, unless members have not left by then."""
        self._unsettled += plan.settles
        if not self._rooms.departures.waiting:
            for settle in self._unsettled:  # behind the presence, which comes last in a turn
                settle.done()
            self._unsettled.clear()

    async def _catch_up(self, plan: Plan, commit: Commit | None) -> None:
        if await self._cursors.catch_up(plan, commit):
            self._ask_for_a_turn()

    def _ask_for_a_turn(self) -> None:
        with suppress(trio.WouldBlock):  # then the queue has a next turn already
            self.inbox.send_nowait(Tick())

    def _tell_nodes(self, plan: Plan, commit: Commit | None) -> None:
        """Before the members, so that those of other nodes are told as soon."""
        outcomes = commit.outcomes if commit is not None else ()
        events = tuple(outcome.event for outcome in outcomes if type(outcome) is Stored)
        if events:
            self._nodes.tell((Happened(events), *plan.said))
        elif plan.said:
            self._nodes.tell(plan.said)
        if self._nodes.owes_roll(plan.now):
            here, read = tuple(self._rooms.attendance.here()), tuple(self._rooms.read())
            self._nodes.tell_roll(here, read, plan.now)


def _unavailable(member: Member, room: str) -> Answered:
    error = store_unavailable()
    error.room = room
    return Answered(member, error)

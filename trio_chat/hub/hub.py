"""The hub: the one task that stores and delivers, in turns that never overlap.

Before this comes `trio_chat.hub.inbox`, which reads the connections in this task and returns a
batch of requests. After it comes `trio_chat.hub.deliver`. Each batch is a turn of three steps:

1. *decide* (sync, `trio_chat.hub.rooms`): what happens, in order, as a list of steps, and which
   events and read markers to store;
2. *commit*: one append for the whole batch, which numbers the events;
3. *deliver* (`trio_chat.hub.deliver`): carry out the steps in order, and send each room its events.

So no member receives an event that is not stored, and under load many messages cost one write for
each member. Nothing else touches the state of a room.

Most turns are *ordinary*: members only send something to their rooms, and the turn waits only for
the commit. The memory store commits in a plain call, and the turn waits for nothing.
"""

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

import trio

from trio_chat.context import Context
from trio_chat.errors import HistoryReplaced, Outage, store_unavailable
from trio_chat.hub.deliver import Dispatcher
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.limits import EMPTY_SECONDS, QUIET_SECONDS, NewRooms
from trio_chat.hub.other_nodes import OtherNodes
from trio_chat.hub.plan import Plan
from trio_chat.hub.renewal import Renewal
from trio_chat.hub.requests import Flush, Join, Request, Tick
from trio_chat.hub.rooms import Rooms
from trio_chat.store.base import Commit, Store
from trio_chat.store.recent import RecentPages

# Between two ticks, which end all that has expired: typing ends within 6 and 6.25 seconds. Ticks
# come faster while more users leave than one turn may announce.
TICK_SECONDS: Final = 0.25
RUSH_TICK_SECONDS: Final = 0.02

_NOTHING: Final = Commit(())
_ATTEMPTS: Final = 3  # to commit a batch, each after the store turned out to hold another history


class Hub:
    """The rooms, and the inbox through which every request comes."""

    def __init__(self, store: Store, others: OtherNodes, context: Context) -> None:
        self.inbox = Inbox()
        self.turns = 0
        """How many turns `run` has taken: while it runs, the clock alone starts four a second."""
        self._store = store
        self._commit_nowait = store.commit_nowait
        self._others = others
        self._publish = others.publish
        self._ordinary = others.ordinary
        self._wall_ms = context.wall_ms
        self.recent = RecentPages(lambda: store.epoch, keeps_marks=others.owns_marks)
        # A store on a disk remembers where a room is, and there may be many rooms.
        empty_seconds = QUIET_SECONDS if store.commit_nowait is None else EMPTY_SECONDS
        rooms = self._rooms = Rooms(context, others, self.recent, empty_seconds)
        self.names = rooms.users.names
        metrics, settings = context.metrics, context.settings
        metrics.watch_hub(
            users=self.names.__len__,
            occupied=lambda: len(rooms.by_name) - len(rooms.empty),
            empty=rooms.empty.__len__,
        )
        self._turn_seconds = metrics.hub_turn_seconds
        self._new_rooms = NewRooms(settings.new_room_rate, settings.default_room)
        self._heads = others.make_heads(store, rooms, self._new_rooms)
        self._renewal = Renewal(store, rooms, self._heads)
        self._dispatcher = Dispatcher(metrics, self.recent)
        self._flushes: list[Flush] = []  # wait until ended members have left all their rooms

    async def run(self) -> None:
        """Handle requests until cancelled. Any exception ends the server.

        A cancellation closes the inbox, and ends every wait for room in it.
        """
        with self.inbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.inbox.read_in_long_turns)
                while True:
                    batch = await self.inbox.take()
                    await self._turn(batch)
                    self.turns += 1
                    del batch  # it would keep members that have left until the next batch

    async def keep_time(self) -> None:
        """Put a `Tick` into the inbox four times a second, or more often in a rush."""
        while True:
            is_late = self._rooms.departures.are_late
            await trio.sleep(RUSH_TICK_SECONDS if is_late else TICK_SECONDS)
            await self.inbox.send(Tick())

    async def flush(self) -> None:
        """Wait until the hub has handled all requests put into the inbox before."""
        done = trio.Event()
        await self.inbox.send(Flush(done.set))
        await done.wait()

    async def _turn(self, batch: list[Request]) -> None:
        started = time.perf_counter()
        plan = Plan(self.inbox.now, self._wall_ms())
        if self._is_ordinary(batch):
            self._rooms.decide(batch, plan)
        else:
            await self._decide_all(batch, plan)
        commit = await self._commit(plan)
        if self._publish is not None:
            self._publish(plan, commit)
        is_readable = self._heads.are_behind and not self._renewal.is_under_way
        if is_readable and await self._heads.catch_up(plan, commit):
            self._ask_for_a_turn()
        for _ in self._dispatcher.deliver(plan, commit):
            await trio.lowlevel.checkpoint()
        self._flushes += plan.flushes
        if self._flushes and not self._rooms.departures.waiting:
            for flush in self._flushes:
                flush.done()
            self._flushes.clear()
        self._turn_seconds.observe(time.perf_counter() - started)

    def _is_ordinary(self, batch: list[Request]) -> bool:
        """Return whether members only send something to their rooms, and nothing else is due."""
        if self._rooms.departures.waiting or self._renewal.is_busy or self._heads.is_over:
            return False
        return self._ordinary.issuperset(map(type, batch))

    async def _decide_all(self, batch: Sequence[Request], plan: Plan) -> None:
        """Decide on requests and on what is due, in rooms that this opens for it."""
        self.inbox.turn_waits()
        has_tick = any(isinstance(request, Tick) for request in batch)
        self._rooms.departures.begin_turn(has_tick=has_tick)
        self._rooms.decide_departures(plan)
        joins = [request for request in batch if isinstance(request, Join)]
        wanted = dict.fromkeys(join.room for join in joins)  # in their order
        wanted.update(dict.fromkeys(self._others.rooms_wanted(plan.now)))
        if has_tick:
            await self._heads.close_empty(plan.now, wanted)
        unread: Collection[Join] = joins
        too_new: Collection[str] = ()
        if not self._renewal.is_due or await self._renewal.carry_out(plan):
            unread = await self._others.prepare(joins, plan, has_tick=has_tick)
            too_new = await self._heads.open(wanted, joins, plan.now)
        for request in batch:
            if isinstance(request, Join) and request.room in too_new:
                plan.turn_away(request, self._new_rooms.refusal(request, plan.now))
            elif isinstance(request, Join) and request in unread:
                plan.turn_away(request, store_unavailable())
            else:
                self._rooms.decide((request,), plan)
        if self._renewal.admit_some(plan):
            self._ask_for_a_turn()
        await self._others.finish(plan)
        self._rooms.decide_presence(plan)

    async def _commit(self, plan: Plan) -> Commit | None:
        """Commit the batch; None if the store is unavailable, so the outcome is unknown."""
        if not plan.drafts and not plan.marks:
            return _NOTHING
        for _ in range(_ATTEMPTS):
            if self._renewal.is_due and not await self._renewal.carry_out(plan):
                break
            markers = tuple(plan.marks.values())
            try:
                if self._commit_nowait is not None:
                    commit = self._commit_nowait(plan.drafts, markers)
                else:
                    self.inbox.turn_waits()
                    commit = await self._store.append(plan.drafts, markers)
            except HistoryReplaced:
                continue
            except Outage:
                break
            if plan.marks:
                self._rooms.note_stored_marks(commit.grown, plan)
            self._heads.check(plan, commit)
            if self._heads.is_over:
                await self._renewal.carry_out(plan)
            return commit
        self._heads.doubt(plan)
        for mark in plan.marks.values():
            plan.refuse(mark.member, store_unavailable(), mark.room)
        return None

    def _ask_for_a_turn(self) -> None:
        with suppress(trio.WouldBlock):  # a full inbox has a next turn already
            self.inbox.send_nowait(Tick())

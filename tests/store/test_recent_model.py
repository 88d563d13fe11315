"""A random program: pages from memory equal those of the store."""

from collections import deque
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Author, Draft, Event, Kind
from trio_chat.store import base, recent
from trio_chat.store.base import Page, Stored
from trio_chat.store.memory import MemoryStore
from trio_chat.store.recent import Filling, RecentPages

ROOMS = ("a", "b")
USERS = ("ann", "bob", "cyd")
MOST_EVENTS = 6
PAGE_BYTES = 24
ANN = Author("ann", "d")
FOR_EVER = 1 << 53

_T = TypeVar("_T")

rooms = st.sampled_from([*ROOMS, ROOMS[0]])
users = st.sampled_from(USERS)
limits = st.integers(1, MOST_EVENTS + 2)
texts = st.sampled_from(["", "a", "é" * 3, "b" * 11, "c" * 40])


def now(call: Coroutine[Any, Any, _T]) -> _T:
    """Run a call of the store in memory, which never waits."""
    with pytest.raises(StopIteration) as done:
        call.send(None)
    result: _T = done.value.value
    return result


class Fill:
    """A read in progress."""

    def __init__(self, filling: Filling, stack: ExitStack) -> None:
        self.filling = filling
        self.stack = stack
        self.page: Page | None = None
        self.marks: dict[str, int] | None = None


class Machine(RuleBasedStateMachine):
    """A store, the hub that notes some time later, and clients that fill and ask at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(base, "PAGE_BYTES", PAGE_BYTES)
        self.patch.setattr(recent, "PAGE_BYTES", PAGE_BYTES)
        self.patch.setattr(recent, "MOST_EVENTS", MOST_EVENTS)
        self.patch.setattr(recent, "_MOST_UNNOTED", 1)
        self.store = MemoryStore()
        self.pages = RecentPages(lambda: self.store.epoch, max_bytes=12 * 1024)
        self.ids = 0
        self.unnoted: deque[Event | ReadMarker] = deque()
        self.doubted: dict[tuple[str, str], int] = {}
        self.heads = dict.fromkeys(ROOMS, 0)
        self.epochs = dict.fromkeys(ROOMS, "")
        self.fills: list[Fill] = []
        self.versions: dict[tuple[str, int], list[Event]] = {}
        """The versions of each event in the store since the last change that the hub noted."""
        for room in ROOMS:
            self.open(room)

    def teardown(self) -> None:
        for fill in self.fills:
            fill.stack.close()
        self.patch.undo()

    def open(self, room: str) -> None:
        """Open a room as the hub does, with everything noted."""
        position = now(self.store.positions([room]))[room]
        self.heads[room], self.epochs[room] = position.head, position.epoch
        self.pages.open(room, position.epoch, position.head)

    # --- the store ---------------------------------------------------------------------------

    def commit(self, draft: Draft) -> None:
        """Commit; the hub will note it later."""
        (outcome,) = now(self.store.append([draft])).outcomes
        if isinstance(outcome, Stored):
            self.unnoted.append(outcome.event)
        self.record(draft.room)

    def record(self, room: str) -> None:
        """Record the present version of each event."""
        after = 0
        while events := now(self.store.read_after(room, after, FOR_EVER)).events:
            after = events[-1].seq
            for event in events:
                seen = self.versions.setdefault((room, event.seq), [])
                if event not in seen[-1:]:
                    seen.append(event)

    @rule(room=rooms, text=texts)
    def say(self, room: str, text: str) -> None:
        self.ids += 1
        self.commit(Draft(f"{room}{self.ids}", room, "ann", text, 0, author=ANN))

    @rule(room=rooms, text=texts, which=st.integers(0, 9), deletes=st.booleans())
    def change(self, room: str, text: str, which: int, *, deletes: bool) -> None:
        events = [seen[0] for (at, _), seen in self.versions.items() if at == room]
        messages = [event.id for event in events if event.kind is Kind.MESSAGE] or ["none"]
        target = messages[-1 - which % len(messages)]
        self.ids += 1
        kind = Kind.DELETED if deletes else Kind.EDITED
        text = "" if deletes else text
        self.commit(Draft(f"{room}{self.ids}", room, "ann", text, 0, kind, target, ANN))

    @rule(room=rooms, user=users, is_known=st.booleans())
    def read(self, room: str, user: str, *, is_known: bool) -> None:
        """Commit a marker; the hub may not learn the outcome."""
        mark = ReadMarker(self.heads[room], room, user)
        grown = now(self.store.append([], [mark])).grown
        if is_known:
            self.unnoted += grown
        else:
            self.pages.doubt_mark(mark)

    # --- the hub -----------------------------------------------------------------------------

    @precondition(lambda self: self.unnoted)
    @rule()
    def note(self) -> None:
        thing = self.unnoted.popleft()
        if isinstance(thing, ReadMarker):
            self.pages.note_mark(thing)
            return
        self.heads[thing.room] = thing.seq
        self.pages.note(thing)
        for (room, seq), seen in self.versions.items():
            changed = seen[0].id if seen[0].kind is Kind.MESSAGE else seen[0].target
            # The version that this change has made, and those that followed.
            if room == thing.room and thing.target == changed and len(seen) > 1:
                self.versions[room, seq] = seen[1:]

    @rule()
    def note_all(self) -> None:
        while self.unnoted:
            self.note()

    @rule(room=rooms, chance=st.integers(0, 3))
    def close_and_open(self, room: str, chance: int) -> None:
        if not chance:
            self.note_all()
            self.pages.close(room)
            self.open(room)

    @rule(chance=st.integers(0, 3))
    def replace(self, chance: int) -> None:
        if chance:
            return
        self.unnoted.clear()
        self.versions.clear()
        now(self.store.take_new_epoch(self.store.epoch))
        for room in ROOMS:  # before the hub knows
            assert self.pages.before(room, self.epochs[room], None, 1) is None
            assert self.pages.marks(room, self.epochs[room], USERS) is None
            self.open(room)
            self.record(room)

    # --- clients that fill -------------------------------------------------------------------

    @rule(room=rooms, limit=limits)
    def fill(self, room: str, limit: int) -> None:
        self.begin(room)
        self.fetch(-1, limit)
        self.finish(-1, is_cancelled=False)

    @rule(room=rooms)
    def begin(self, room: str) -> None:
        stack = ExitStack()
        self.fills.append(Fill(stack.enter_context(self.pages.filling(room)), stack))

    @precondition(lambda self: self.fills)
    @rule(which=st.integers(0, 5), limit=limits)
    def fetch(self, which: int, limit: int) -> None:
        fill = self.fills[which % len(self.fills)]
        room = fill.filling.room.name
        fill.page = now(self.store.read_before(room, FOR_EVER, limit))
        fill.marks = dict(now(self.store.marks(room, USERS)))

    @precondition(lambda self: self.fills)
    @rule(which=st.integers(0, 5), is_cancelled=st.booleans())
    def finish(self, which: int, *, is_cancelled: bool) -> None:
        """Keep the page, unless the client has disconnected."""
        fill = self.fills.pop(which % len(self.fills))
        if not is_cancelled and fill.page is not None:
            fill.filling.keep_page(fill.page)
            fill.filling.keep_marks(fill.marks)
        fill.stack.close()

    # --- clients that ask --------------------------------------------------------------------

    @invariant()
    def ask_everything(self) -> None:
        for room in ROOMS:
            for limit in (1, 2, MOST_EVENTS - 1, MOST_EVENTS + 1):
                for cut in range(self.heads[room] - 3, self.heads[room] + 3):
                    self.ask_before(room, cut, limit)
                self.ask_newest(room, limit)
            for after in range(max(0, self.heads[room] - MOST_EVENTS - 1), self.heads[room]):
                for limit in (1, self.heads[room] - after):
                    self.ask_after(room, after, limit)
            self.ask_marks(room)

    def ask_before(self, room: str, cut: int, limit: int) -> None:
        page = self.pages.before(room, self.epochs[room], cut, limit)
        if page is not None:
            self.compare(room, page, now(self.store.read_before(room, cut + 1, limit)), cut)

    def ask_newest(self, room: str, limit: int) -> None:
        page = self.pages.before(room, self.epochs[room], None, limit)
        if page is not None:
            newest = page.events[-1].seq if page.events else 0
            assert newest >= self.heads[room]
            self.compare(room, page, now(self.store.read_before(room, newest + 1, limit)), newest)

    def ask_after(self, room: str, after: int, limit: int) -> None:
        """Ask for what was missed up to the head, or the first events of that."""
        cut = self.heads[room]
        page = self.pages.after(room, self.epochs[room], after, limit, cut)
        if page is not None:
            stored = now(self.store.read_after(room, after, limit))
            self.compare(room, page, stored, after + limit)

    def ask_marks(self, room: str) -> None:
        marks = self.pages.marks(room, self.epochs[room], USERS)
        if marks is not None and not any(isinstance(thing, ReadMarker) for thing in self.unnoted):
            assert marks == now(self.store.marks(room, USERS))

    def compare(self, room: str, page: Page, stored: Page, cut: int) -> None:
        """Compare a page with that of the store, which may know of changes before the hub does."""
        assert page.epoch == self.epochs[room]
        assert all(event.seq <= cut for event in page.events)
        for event in page.events:
            assert event in self.versions.get((room, event.seq), [event])
        if not any(isinstance(thing, Event) and thing.target for thing in self.unnoted):
            assert page.events == stored.events
            assert page.more == stored.more or self.unnoted


Machine.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
test_recent_pages = Machine.TestCase

"""Random programs against each kind of store and the model.

Hypothesis makes a program from so few names, texts and refs that repeats, conflicts and changes
occur often.
"""

from collections.abc import Sequence
from typing import Any

import trio
from attrs import define, evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.drafts import NOW_MS
from tests.contracts.model import Model
from tests.contracts.stores import Place, Places
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import NOTICES, Author, Draft, Event, Kind
from trio_chat.store.base import Store
from trio_chat.store.sql.store import SqlStore

ROOMS = ("general", "dev")
AUTHORS = (
    # Most drafts have the right to their change.
    *(Author("ann", "1"),) * 8,
    Author("ann", "2"),
    Author("ann", "2", is_proven=True),
    Author("bob", "1"),
    Author("bob", ""),
    None,
)


@frozen
class Planned:
    """A planned draft; its target is a message, counted from the newest, or anything."""

    kind: Kind
    room: str
    author: Author | None
    text: str
    ref: str | None
    target: int


Step = tuple[Any, ...]
"""The name of a step, and its arguments; `Run.step` has them all."""

planned = st.builds(
    Planned,
    st.sampled_from([*(Kind.MESSAGE, Kind.EDITED) * 2, Kind.DELETED, *sorted(NOTICES)]),
    st.sampled_from(["general", *ROOMS]),
    st.sampled_from(AUTHORS),
    st.sampled_from(["a", "b", "\u00e4\U0001f600" * 50]),
    st.sampled_from([None, None, "r", "s"]),
    st.integers(0, 3),
)
marks = st.tuples(st.sampled_from(ROOMS), st.sampled_from(["ann", "bob"]), st.integers(0, 9))
rooms = st.sampled_from(ROOMS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(planned, min_size=2, max_size=8), st.just(())),
        st.tuples(st.just("append"), st.lists(planned, max_size=2), st.lists(marks, max_size=3)),
        # Clients without an answer repeat the newest batch after a while.
        st.tuples(st.just("repeat"), st.sampled_from([0, 0, 1, 2]), st.sampled_from([0, 0, 1, -1])),
        st.tuples(st.just("read"), rooms, st.integers(0, 30), st.integers(1, 10)),
        st.tuples(st.just("resume"), rooms, st.integers(1, 10)),
        st.tuples(st.just("reopen")),
        # Halves of the life of a ``ref``, minutes, and a jump of the wall clock.
        st.tuples(
            st.just("wait"),
            st.sampled_from([1, 2]),
            st.sampled_from([-1, 0, 1]),
            st.sampled_from([0, -1_000_000, 100_000_000]),
        ),
        st.tuples(st.just("prune")),
    ),
    min_size=15,
    max_size=30,
)


@define
class Run:
    """A running program; ``seen`` has the epoch and the events that a client has of each room."""

    place: Place
    model: Model
    now_ms: int = NOW_MS
    made: int = 0
    ids: list[tuple[str, Planned]] = field(factory=list)
    newest: list[Draft] = field(factory=list)
    seen: dict[str, tuple[str, list[Event]]] = field(factory=dict)

    async def run(self, program: Sequence[Step]) -> None:
        """Run a program; ``reopen`` closes the store and opens it again."""
        rest = list(program)
        while rest:
            async with self.place.open() as store:
                while rest and (step := rest.pop(0)) != ("reopen",):
                    await self.step(store, step)
                for room in ROOMS:
                    await self.step(store, ("read", room, 1000, 1000))
                    await self.step(store, ("resume", room, 7))
                    assert await store.marks(room, ["ann", "bob"]) == self.model.marks_in(room)
            if not self.place.is_durable:
                self.model = Model(self.place.refs_seconds, self.model.now)

    async def step(self, store: Store, step: Step) -> None:
        match step:
            case "append", batch, marks:
                self.newest = [self.draft(plan) for plan in batch]
                await self.append(store, self.newest, marks)
            case "repeat", halves, minutes:
                self.wait(halves, minutes)
                again = [self.retried(draft) for draft in self.newest if draft.ref is not None]
                await self.append(store, again, ())
            case "read", *page:
                assert await store.read_before(*page) == self.model.before(*page)
                assert await store.read_after(*page) == self.model.after(*page)
            case "resume", room, limit:
                await self.resume(store, room, limit)
            case "wait", halves, minutes, jump_ms:
                self.wait(halves, minutes)
                self.now_ms += jump_ms
            case ("prune",) if isinstance(store, SqlStore):
                await store.prune()

    def wait(self, halves: int, minutes: int) -> None:
        seconds = max(0, halves * self.place.refs_seconds // 2 + 60 * minutes)
        self.place.wait(seconds)
        self.model.now += seconds
        self.now_ms += 1000 * seconds

    async def append(
        self, store: Store, batch: Sequence[Draft], marks: Sequence[tuple[str, str, int]]
    ) -> None:
        before = dict(self.model.marks)
        expected = [self.model.append(draft) for draft in batch]
        for mark in marks:
            self.model.mark(*mark)
        markers = [ReadMarker(seq, room, user) for room, user, seq in marks]
        commit = await store.append(batch, markers)
        assert list(commit.outcomes) == expected
        grown = {(mark.room, mark.user) for mark in commit.grown}
        assert grown == {key for key, seq in self.model.marks.items() if seq > before.get(key, 0)}

    async def resume(self, store: Store, room: str, limit: int) -> None:
        """Read missed events, and check that the client has each event once, in order."""
        position = (await store.positions([room]))[room]
        assert position.head == len(self.model.events(room))
        epoch, events = self.seen.get(room, (position.epoch, []))
        if epoch != position.epoch:
            assert not self.place.is_durable
            events = []
        while len(events) < position.head:
            page = await store.read_after(room, events[-1].seq if events else 0, limit)
            events += page.events
            assert page.more == (len(events) < position.head)
        assert [event.id for event in events] == [one.id for one in self.model.events(room)]
        self.seen[room] = (position.epoch, events)

    def draft(self, plan: Planned) -> Draft:
        self.made += 1
        target = self.target(plan) if plan.kind in (Kind.EDITED, Kind.DELETED) else None
        self.ids.append((f"id{self.made}", plan))
        is_notice = plan.kind in NOTICES
        return Draft(
            f"id{self.made}",
            plan.room,
            "Ann",
            "" if plan.kind is Kind.DELETED else plan.text,
            self.now_ms,
            plan.kind,
            target,
            None if is_notice else plan.author,
            None if is_notice else plan.ref,
        )

    def target(self, plan: Planned) -> str:
        messages = [
            id_
            for id_, one in reversed(self.ids)
            if one.kind is Kind.MESSAGE and one.room == plan.room
        ]
        others = ["nothing", *(id_ for id_, _ in self.ids)]
        return messages[plan.target] if plan.target < min(3, len(messages)) else others[-1]

    def retried(self, draft: Draft) -> Draft:
        """Return a repeat of a request, with a new id and time."""
        self.made += 1
        return evolve(draft, id=f"id{self.made}", ts=self.now_ms)


# PostgreSQL is fast enough for this number; the fuzz session runs more.
@settings(max_examples=10)
@given(program=steps)
def test_every_store_behaves_like_the_model(places: Places, program: list[Step]) -> None:
    with places() as place:
        trio.run(Run(place, Model(place.refs_seconds)).run, program)

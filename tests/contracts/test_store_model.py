"""Random programs against each kind of store and the model.

Hypothesis makes a program from so few names, texts and refs that repeats, conflicts and changes
occur often.
"""

from collections.abc import Sequence

import trio
from attrs import define, field, frozen
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


@frozen
class Append:
    """Append a batch with markers."""

    batch: Sequence[Planned]
    marks: Sequence[tuple[str, str, int]]


@frozen
class Again:
    """Repeat the newest batch after a while, as clients without an answer do."""

    halves: int
    minutes: int


@frozen
class Read:
    """Read two pages of a room."""

    room: str
    bound: int
    limit: int


@frozen
class Resume:
    """Read the events that a client missed, in pages."""

    room: str
    limit: int


@frozen
class Reopen:
    """Close the store and open it again."""


@frozen
class Pass:
    """Advance the time by halves of the life of a ``ref``, and by minutes.

    The wall clock also jumps by `jump_ms`.
    """

    halves: int
    minutes: int
    jump_ms: int


@frozen
class Prune:
    """Prune a store in a database."""


Step = Append | Again | Read | Resume | Reopen | Pass | Prune

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
steps = st.lists(
    st.one_of(
        st.builds(Append, st.lists(planned, min_size=2, max_size=8), st.just(())),
        st.builds(Append, st.lists(planned, max_size=2), st.lists(marks, max_size=3)),
        st.builds(Again, st.sampled_from([0, 0, 1, 2]), st.sampled_from([0, 0, 1, -1])),
        st.builds(Read, st.sampled_from(ROOMS), st.integers(0, 30), st.integers(1, 10)),
        st.builds(Resume, st.sampled_from(ROOMS), st.integers(1, 10)),
        st.builds(Reopen),
        st.builds(
            Pass,
            st.sampled_from([1, 2]),
            st.sampled_from([-1, 0, 1]),
            st.sampled_from([0, -1_000_000, 100_000_000]),
        ),
        st.builds(Prune),
    ),
    min_size=15,
    max_size=30,
)


@define
class Run:
    """A running program.

    Attributes:
        now_ms: The time of the wall clock.
        made: The number of drafts so far.
        ids: The ids of all drafts so far.
        newest: The last batch.
        seen: The epoch and the events that a client has of each room.
    """

    place: Place
    model: Model
    now_ms: int = NOW_MS
    made: int = 0
    ids: list[tuple[str, Planned]] = field(factory=list)
    newest: list[Draft] = field(factory=list)
    seen: dict[str, tuple[str, list[Event]]] = field(factory=dict)

    async def run(self, program: Sequence[Step]) -> None:
        """Run a program; `Reopen` closes the store and opens it again."""
        rest = list(program)
        while rest:
            async with self.place.open() as store:
                while rest and not isinstance(step := rest.pop(0), Reopen):
                    await self.step(store, step)
                for room in ROOMS:
                    await self.step(store, Read(room, 1000, 1000))
                    await self.step(store, Resume(room, 7))
                    assert await store.marks(room, ["ann", "bob"]) == self.model.marks_in(room)
            if not self.place.is_durable:
                self.model = Model(self.place.refs_seconds, self.model.now)

    async def step(self, store: Store, step: Step) -> None:
        """Run one step, and compare with the model."""
        match step:
            case Append():
                self.newest = [self.draft(plan) for plan in step.batch]
                await self.append(store, self.newest, step.marks)
            case Again():
                self.wait(step.halves, step.minutes)
                again = [self.retried(draft) for draft in self.newest if draft.ref is not None]
                await self.append(store, again, ())
            case Read():
                asked = (step.room, step.bound, step.limit)
                assert await store.read_before(*asked) == self.model.before(*asked)
                assert await store.read_after(*asked) == self.model.after(*asked)
            case Resume():
                await self.resume(store, step.room, step.limit)
            case Pass():
                self.wait(step.halves, step.minutes)
                self.now_ms += step.jump_ms
            case Prune() if isinstance(store, SqlStore):
                await store.prune()

    def wait(self, halves: int, minutes: int) -> None:
        """Advance the clocks."""
        seconds = max(0, halves * self.place.refs_seconds // 2 + 60 * minutes)
        self.place.wait(seconds)
        self.model.now += seconds
        self.now_ms += 1000 * seconds

    async def append(
        self, store: Store, batch: Sequence[Draft], marks: Sequence[tuple[str, str, int]]
    ) -> None:
        """Append a batch to the store and the model, and compare."""
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
        stand = (await store.positions([room]))[room]
        assert stand.head == len(self.model.events(room))
        epoch, events = self.seen.get(room, (stand.epoch, []))
        if epoch != stand.epoch:
            assert not self.place.is_durable
            events = []
        while len(events) < stand.head:
            page = await store.read_after(room, events[-1].seq if events else 0, limit)
            events += page.events
            assert page.more == (len(events) < stand.head)
        assert [event.id for event in events] == [one.id for one in self.model.events(room)]
        self.seen[room] = (stand.epoch, events)

    def draft(self, plan: Planned) -> Draft:
        """Make a draft."""
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
        """Return the id of the target."""
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
        return Draft(
            f"id{self.made}",
            draft.room,
            draft.username,
            draft.message,
            self.now_ms,
            draft.kind,
            draft.target,
            draft.author,
            draft.ref,
        )


# PostgreSQL is fast enough for this number; the fuzz session runs more.
@settings(max_examples=10)
@given(program=steps)
def test_every_store_behaves_like_the_model(places: Places, program: list[Step]) -> None:
    with places() as place:
        trio.run(Run(place, Model(place.refs_seconds)).run, program)

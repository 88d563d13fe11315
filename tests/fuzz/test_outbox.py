"""An outbox under any interleaving, on a real socket pair, beside a model that only counts.

The same happenings are driven over a bare socket and over TLS. Under TLS a frame can be encrypted,
so that it must be sent, and not taken: its ciphertext is owed, and the frame counts.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count

import trio
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from tests.websocket.pairs import Pair, Tap, plain_outbox_pair, tls_outbox_pair
from tests.websocket.wire import TIMEOUT_SECONDS

CLOSE = b"<close>"


@frozen
class Offer:
    """Several frames are offered at once."""

    sizes: tuple[int, ...]


@frozen
class Send:
    """One frame is sent by a task that waits for its place; it may lose patience."""

    size: int
    cancelled_after_turns: int | None


@frozen
class Read:
    """The peer reads."""

    most: int


@frozen
class Turns:
    """Other tasks get some turns."""

    count: int


@frozen
class Take:
    """From now on the socket takes at most so much at once."""

    most: int


@frozen
class Seal:
    """The connection begins to close."""


Happening = Offer | Send | Read | Turns | Take | Seal

SIZE = st.one_of(st.integers(1, 20), st.integers(1, 3000))
SIZES = st.lists(SIZE, min_size=1, max_size=6).map(tuple)
HAPPENINGS = st.lists(
    st.one_of(
        st.builds(Offer, SIZES),
        st.builds(Offer, SIZES),
        st.builds(Send, SIZE, st.none() | st.integers(0, 5)),
        st.builds(Read, st.integers(1, 6000)),
        st.builds(Turns, st.integers(1, 4)),
        st.builds(Take, st.sampled_from([1, 3, 7, 100, 1 << 20])),
    ),
    max_size=40,
)


@define
class Model:
    """What must have happened, judged by nothing but what the socket has taken.

    Attributes:
        counter: How much that is, and how much has begun to be sent.
        max_frames: The bound.
        max_bytes: The bound.
        frames: Everything that has got in and was not discarded, in order.
        dropped: Whether the client has been dropped.
        sealed: Whether offers are of no interest any more.
    """

    counter: Tap
    max_frames: int
    max_bytes: int
    frames: list[bytes] = field(factory=list)
    dropped: bool = False
    sealed: bool = False

    def waiting(self, taken: int) -> list[int]:
        """The sizes of the frames that count, after the socket has taken so many bytes in all."""
        sizes = []
        for frame in self.frames:
            taken -= len(frame)
            if taken < 0:
                sizes.append(len(frame))
        return sizes

    def counted(self) -> tuple[int, int]:
        """How many bytes the socket has taken, and how many must be sent."""
        return self.counter.taken, self.counter.begun

    def offer(
        self, frames: Sequence[bytes], before: tuple[int, int], after: tuple[int, int]
    ) -> None:
        """Frames were offered; so much was counted before and after."""
        if self.sealed:
            return
        if self.waiting(before[0]):
            assert after == before, "the socket was touched while something waited"
        begun = after[1] - before[1]
        for frame in frames:
            if begun > 0:
                self.frames.append(frame)  # it must be sent, whatever the bounds are
                begun -= len(frame)
            elif not self.sealed:
                self.make_room(len(frame), after[0])
                if not self.sealed:
                    self.frames.append(frame)
        if not self.sealed:
            self.make_room(0, after[0], frames=0)

    def make_room(self, size: int, taken: int, frames: int = 1) -> None:
        """Drop the client if a frame of this size does not fit."""
        waiting = self.waiting(taken)
        if len(waiting) + frames > self.max_frames or sum(waiting) + size > self.max_bytes:
            self.drop()

    def drop(self) -> None:
        """Discard every frame that lies behind the bytes that have begun to be sent."""
        self.dropped = True
        self.seal()
        end = 0
        for place, frame in enumerate(self.frames):
            if end >= self.counter.begun:
                del self.frames[place:]
                return
            end += len(frame)

    def seal(self) -> None:
        self.sealed = True


@define
class Run:
    """An outbox and its model, driven through the same happenings."""

    pair: Pair
    model: Model
    nursery: trio.Nursery
    received: bytearray = field(factory=bytearray)
    _numbers: "count[int]" = field(factory=count)

    def make(self, size: int) -> bytes:
        """A frame that is unlike the others."""
        number = b"%d;" % next(self._numbers)
        return (number * (size // len(number) + 1))[:size]

    async def happen(self, what: Happening) -> None:
        match what:
            case Offer(sizes):
                self.offer([self.make(size) for size in sizes])
            case Send(size, patience):
                self.nursery.start_soon(self.send, self.make(size), patience)
            case Read(most):
                self.received += self.pair.read(most)
            case Turns(number):
                for _ in range(number):
                    await trio.lowlevel.checkpoint()
            case Take(most):
                self.pair.tap.most = most
            case Seal():
                self.pair.outbox.seal()
                self.model.seal()

    def offer(self, frames: list[bytes]) -> None:
        before = self.model.counted()
        self.pair.offer(*frames)
        self.model.offer(frames, before, self.model.counted())

    async def send(self, frame: bytes, patience: int | None) -> None:
        """Send, for so many turns at most; the model learns of it if it got in."""

        async def lose_patience() -> None:
            for _ in range(patience or 0):
                await trio.lowlevel.checkpoint()
            scope.cancel()

        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                if patience is not None:
                    nursery.start_soon(lose_patience)
                await self.pair.outbox.send(frame)
                # Nothing else has run since it got its place.
                self.model.frames.append(frame)
            nursery.cancel_scope.cancel()

    def compare(self) -> None:
        """Both agree on what waits, and on whether the client has been dropped."""
        waiting = self.model.waiting(self.pair.tap.taken)
        outbox = self.pair.outbox
        assert (outbox.waiting_frames, outbox._waiting_bytes) == (len(waiting), sum(waiting))
        assert self.pair.drops == [None] * self.model.dropped

    async def finish(self) -> None:
        """The peer reads everything; what it got is what the model says."""
        await self.read_until_all_is_sent()
        self.nursery.start_soon(self.send, CLOSE, None)
        await self.read_until_all_is_sent()
        while len(self.received) < sum(map(len, self.model.frames)):
            await self.read_some()
        self.compare()
        assert self.pair.outbox.waiting_frames == 0
        assert bytes(self.received) == b"".join(self.model.frames)

    async def read_until_all_is_sent(self) -> None:
        """Read while somebody still waits for a place."""
        while self.nursery.child_tasks:
            await self.read_some()

    async def read_some(self) -> None:
        """Give the writer a turn, and read what there is."""
        await trio.lowlevel.checkpoint()
        self.received += self.pair.read()


MAKERS = st.sampled_from([plain_outbox_pair, tls_outbox_pair])


async def drive(
    make_pair: Callable[..., AbstractAsyncContextManager[Pair]],
    happenings: list[Happening],
    max_frames: int,
    max_bytes: int,
) -> None:
    with trio.fail_after(TIMEOUT_SECONDS):
        async with (
            make_pair(max_frames=max_frames, max_bytes=max_bytes) as pair,
            trio.open_nursery() as writing,
            trio.open_nursery() as nursery,
        ):
            writing.start_soon(pair.outbox.drain_forever)
            run = Run(pair, Model(pair.tap, max_frames, max_bytes), nursery)
            for what in happenings:
                await run.happen(what)
                run.compare()
            await run.finish()
            writing.cancel_scope.cancel()


@given(MAKERS, HAPPENINGS, st.integers(1, 12), st.sampled_from([1, 50, 3000, 10_000, 1 << 20]))
def test_frames_arrive_in_order_and_overflow_drops_the_client(
    make_pair: Callable[..., AbstractAsyncContextManager[Pair]],
    happenings: list[Happening],
    max_frames: int,
    max_bytes: int,
) -> None:
    trio.run(drive, make_pair, happenings, max_frames, max_bytes)


@given(MAKERS, HAPPENINGS, HAPPENINGS)
def test_sealed_outbox_sends_only_waiting_frames(
    make_pair: Callable[..., AbstractAsyncContextManager[Pair]],
    before: list[Happening],
    after: list[Happening],
) -> None:
    trio.run(drive, make_pair, [*before, Seal(), *after], 12, 1 << 20)

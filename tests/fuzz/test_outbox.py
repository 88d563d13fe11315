"""An outbox under random steps, on a real socket pair, beside a model that only counts.

The same steps run over a bare socket and over TLS. TLS may have encrypted a frame that the socket
has not accepted yet: the outbox must send it, and the frame counts.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any

import trio
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from tests.websocket.pairs import Pair, Tap, plain_outbox_pair, tls_outbox_pair
from tests.websocket.wire import TIMEOUT_SECONDS

CLOSE = b"<close>"


Step = tuple[Any, ...]
"""The name of a step, and its arguments; `Run.step` has them all."""

SIZE = st.one_of(st.integers(1, 20), st.integers(1, 3000))
OFFERS = st.tuples(st.just("offer"), st.lists(SIZE, min_size=1, max_size=6))
STEPS = st.lists(
    st.one_of(
        OFFERS,
        OFFERS,
        # A task sends one frame, and may be cancelled after some turns.
        st.tuples(st.just("send"), SIZE, st.none() | st.integers(0, 5)),
        st.tuples(st.just("read"), st.integers(1, 6000)),
        st.tuples(st.just("turns"), st.integers(1, 4)),
        # From now on the socket accepts at most this many bytes at once.
        st.tuples(st.just("accept"), st.sampled_from([1, 3, 7, 100, 1 << 20])),
    ),
    max_size=40,
)


@define
class Model:
    """The expected state, computed only from the bytes that the socket has accepted.

    Attributes:
        counter: Counts these bytes, and those that the outbox has begun to send.
        frames: All frames that the outbox accepted and did not discard, in order.
    """

    counter: Tap
    max_frames: int
    max_bytes: int
    frames: list[bytes] = field(factory=list)
    dropped: bool = False
    sealed: bool = False

    def waiting(self, taken: int) -> list[int]:
        """Return the sizes of the waiting frames, after the socket has accepted these bytes."""
        sizes = []
        for frame in self.frames:
            taken -= len(frame)
            if taken < 0:
                sizes.append(len(frame))
        return sizes

    def counted(self) -> tuple[int, int]:
        return self.counter.taken, self.counter.begun

    def offer(
        self, frames: Sequence[bytes], before: tuple[int, int], after: tuple[int, int]
    ) -> None:
        if self.sealed:
            return
        if self.waiting(before[0]):
            assert after == before, "it wrote to the socket while frames waited"
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
        """Discard every frame that the outbox has not begun to send."""
        self.dropped = True
        self.sealed = True
        end = 0
        for place, frame in enumerate(self.frames):
            if end >= self.counter.begun:
                del self.frames[place:]
                return
            end += len(frame)


@define
class Run:
    """An outbox and its model, which run the same steps."""

    pair: Pair
    model: Model
    nursery: trio.Nursery
    received: bytearray = field(factory=bytearray)
    _numbers: "count[int]" = field(factory=count)

    def make(self, size: int) -> bytes:
        number = b"%d;" % next(self._numbers)
        return (number * (size // len(number) + 1))[:size]

    async def step(self, step: Step) -> None:
        match step:
            case "offer", sizes:
                self.offer([self.make(size) for size in sizes])
            case "send", size, turns:
                self.nursery.start_soon(self.send, self.make(size), turns)
            case "read", most:
                self.received += self.pair.read(most)
            case "turns", number:
                for _ in range(number):
                    await trio.lowlevel.checkpoint()
            case "accept", most:
                self.pair.tap.most = most
            case ("seal",):
                self.pair.outbox.seal()
                self.model.sealed = True

    def offer(self, frames: list[bytes]) -> None:
        before = self.model.counted()
        self.pair.offer(*frames)
        self.model.offer(frames, before, self.model.counted())

    async def send(self, frame: bytes, turns: int | None) -> None:
        async def cancel() -> None:
            for _ in range(turns or 0):
                await trio.lowlevel.checkpoint()
            scope.cancel()

        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                if turns is not None:
                    nursery.start_soon(cancel)
                await self.pair.outbox.send(frame)
                # No other task has run since the outbox accepted it.
                self.model.frames.append(frame)
            nursery.cancel_scope.cancel()

    def compare(self) -> None:
        waiting = self.model.waiting(self.pair.tap.taken)
        outbox = self.pair.outbox
        assert (outbox.waiting_frames, outbox._waiting_bytes) == (len(waiting), sum(waiting))
        assert self.pair.drops == [None] * self.model.dropped

    async def finish(self) -> None:
        """Read everything, and compare it with the model."""
        await self.read_until_all_is_sent()
        self.nursery.start_soon(self.send, CLOSE, None)
        await self.read_until_all_is_sent()
        while len(self.received) < sum(map(len, self.model.frames)):
            await self.read_some()
        self.compare()
        assert self.pair.outbox.waiting_frames == 0
        assert bytes(self.received) == b"".join(self.model.frames)

    async def read_until_all_is_sent(self) -> None:
        while self.nursery.child_tasks:
            await self.read_some()

    async def read_some(self) -> None:
        await trio.lowlevel.checkpoint()
        self.received += self.pair.read()


MAKERS = st.sampled_from([plain_outbox_pair, tls_outbox_pair])


async def drive(
    make_pair: Callable[..., AbstractAsyncContextManager[Pair]],
    steps: list[Step],
    max_frames: int,
    max_bytes: int,
) -> None:
    with trio.fail_after(TIMEOUT_SECONDS):
        async with (
            make_pair(send_queue=max_frames, send_queue_bytes=max_bytes) as pair,
            trio.open_nursery() as writing,
            trio.open_nursery() as nursery,
        ):
            writing.start_soon(pair.outbox.drain_forever)
            run = Run(pair, Model(pair.tap, max_frames, max_bytes), nursery)
            for step in steps:
                await run.step(step)
                run.compare()
            await run.finish()
            writing.cancel_scope.cancel()


@given(
    MAKERS,
    STEPS,
    st.just([]) | STEPS.map(lambda after: [("seal",), *after]),
    st.integers(1, 12),
    st.sampled_from([1, 50, 3000, 10_000, 1 << 20]),
)
def test_frames_arrive_in_order_until_a_seal_or_an_overflow(
    make_pair: Callable[..., AbstractAsyncContextManager[Pair]],
    steps: list[Step],
    sealed: list[Step],
    max_frames: int,
    max_bytes: int,
) -> None:
    trio.run(drive, make_pair, [*steps, *sealed], max_frames, max_bytes)

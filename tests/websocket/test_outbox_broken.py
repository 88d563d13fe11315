"""The outbox on a socket that has failed, or whose peer reads nothing."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
import trio.testing

from tests.websocket.pairs import Pair, outbox_pair, plain_outbox_pair, tls_outbox_pair
from tests.websocket.wire import TIMEOUT_SECONDS


async def test_send_to_a_vanished_peer_fails(pair: Pair) -> None:
    pair.peer.close()
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            await pair.outbox.send(b"one")
        assert pair.outbox.is_broken


async def test_waiting_writer_notices_a_broken_offer(pair: Pair) -> None:
    async def write() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await pair.outbox.drain_forever()

    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            await trio.testing.wait_all_tasks_blocked()
            pair.peer.close()
            pair.offer(b"one")


async def test_dropped_client_has_the_whole_time_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with outbox_pair(max_frames=1, write_timeout_seconds=10) as pair:
        pair.offer(bytes(1 << 20))

        async def drop_late() -> None:
            await trio.sleep(9)
            pair.offer(b"one too many")
            assert pair.outbox.waiting_frames == 1  # the one that has begun

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drop_late)
            with pytest.raises(trio.BrokenResourceError):
                await pair.outbox.drain_forever()
        assert autojump_clock.current_time() == 19


async def test_time_limit_applies_to_each_frame(autojump_clock: trio.testing.MockClock) -> None:
    with outbox_pair(max_frames=100, write_timeout_seconds=10) as pair:
        while pair.outbox.waiting_frames < 50:
            pair.offer(bytes(1000))

        async def read_slowly() -> None:
            while pair.outbox.waiting_frames:
                await trio.sleep(9)
                pair.read()
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.drain_forever)
            nursery.start_soon(read_slowly)
        assert autojump_clock.current_time() > 20
        assert not pair.outbox.is_broken


async def test_slow_reading_does_not_extend_the_time_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with outbox_pair(max_frames=100, write_timeout_seconds=10) as pair:
        while not pair.outbox.waiting_frames:
            pair.offer(bytes(1000))
        pair.tap.most = 1

        async def read_slowly() -> None:
            while True:
                await trio.sleep(4)
                pair.read()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_slowly)
            with pytest.raises(trio.BrokenResourceError):
                await pair.outbox.drain_forever()
            assert autojump_clock.current_time() == 10
            nursery.cancel_scope.cancel()


async def test_time_limit_does_not_run_while_idle(autojump_clock: trio.testing.MockClock) -> None:
    with outbox_pair(write_timeout_seconds=10) as pair:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.drain_forever)
            await trio.sleep(100)
            pair.offer(b"one")
            assert pair.read() == b"one"
            assert autojump_clock.current_time() == 100
            nursery.cancel_scope.cancel()


MakePair = Callable[..., AbstractAsyncContextManager[Pair]]


@pytest.fixture(params=[plain_outbox_pair, tls_outbox_pair], ids=["socket", "tls"])
def make_pair(request: pytest.FixtureRequest) -> MakePair:
    made: MakePair = request.param
    return made


async def test_offer_to_a_vanished_peer_breaks_the_outbox(make_pair: MakePair) -> None:
    async with make_pair() as pair:
        pair.peer.close()
        pair.offer(b"one")
        pair.offer(b"two")
        assert pair.outbox.is_broken
        assert not pair.drops
        for find_out in (pair.outbox.flush, pair.outbox.drain_forever):
            with pytest.raises(trio.BrokenResourceError):
                await find_out()


async def test_peer_that_vanishes_breaks_the_writer_and_waiting_tasks(make_pair: MakePair) -> None:
    async def broken(name: str, *arguments: bytes) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await getattr(lost.outbox, name)(*arguments)

    async with make_pair(max_frames=20) as lost:
        while lost.outbox.waiting_frames < 20:
            lost.offer(bytes(10_000))
        with trio.fail_after(TIMEOUT_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(broken, "drain_forever")
                nursery.start_soon(broken, "flush")
                nursery.start_soon(broken, "send", b"x")
                await trio.testing.wait_all_tasks_blocked()
                lost.peer.close()
        lost.offer(b"no longer")


async def test_peer_that_accepts_nothing_in_time_breaks_the_outbox(
    make_pair: MakePair, autojump_clock: trio.testing.MockClock
) -> None:
    async with make_pair(write_timeout_seconds=10) as pair:
        pair.offer(*[bytes(10_000)] * 20)
        with pytest.raises(trio.BrokenResourceError):
            await pair.outbox.drain_forever()
        assert autojump_clock.current_time() == 10
        assert pair.outbox.is_broken
        pair.offer(b"no longer")

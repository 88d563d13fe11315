"""The outbox, case by case; `tests/fuzz` has any interleaving."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from tests.websocket.pairs import Pair, outbox_pair, plain_outbox_pair, tls_outbox_pair, writer
from tests.websocket.wire import TIMEOUT_SECONDS
from trio_chat.errors import Owed
from trio_chat.tls.socket import PIECE_BYTES

CLOSE = b"the close frame"


def assert_empty(pair: Pair) -> None:
    assert (pair.outbox.waiting_frames, pair.outbox._waiting_bytes) == (0, 0)


def test_offer_to_an_empty_outbox_is_sent_at_once(pair: Pair) -> None:
    pair.offer(b"one", b"two")
    assert pair.read() == b"onetwo"
    assert_empty(pair)


async def test_outbox_writes_through_again_after_the_writer(pair: Pair) -> None:
    pair.tap.most = 1
    pair.offer(b"one")
    async with writer(pair):
        assert await pair.read_exactly(3) == b"one"
        pair.tap.most = 100
        pair.offer(b"two")
        assert pair.read() == b"two"


def test_257th_frame_drops_the_client() -> None:
    with outbox_pair(most=0) as pair:
        pair.offer(*[b"x"] * 256)
        assert not pair.drops
        pair.offer(b"x")
        assert pair.drops == [None]


def test_outbox_holds_the_maximum_size(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(bytes(600), bytes(400))
    assert not pair.drops
    pair.offer(b"x")
    assert pair.drops == [None]


async def test_dropped_client_receives_the_begun_frame_and_the_close_frame(pair: Pair) -> None:
    pair.tap.most = 2
    pair.offer(b"begun", b"1", b"2", b"3", b"4")
    assert pair.drops == [None]
    assert pair.outbox.waiting_frames == 1
    pair.offer(b"too late")
    async with writer(pair):
        await pair.outbox.send(CLOSE)
        assert await pair.read_exactly(5 + len(CLOSE)) == b"begun" + CLOSE
        await pair.outbox.flush()
    assert pair.read() == b""


# --- send ----------------------------------------------------------------------------------------


async def test_send_to_an_empty_outbox_is_sent_at_once(pair: Pair) -> None:
    await pair.outbox.send(b"pong")
    assert pair.read() == b"pong"
    assert_empty(pair)


async def test_send_cancelled_before_it_began_sends_nothing(pair: Pair) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await pair.outbox.send(b"never")
    assert pair.read() == b""


async def test_frame_that_never_fits_waits_for_an_empty_queue(pair: Pair) -> None:
    await pair.outbox.wait_to_fit(1001)


@pytest.mark.parametrize(
    ("queued", "fits", "waits"),
    [([990], (10, 1), (11, 1)), ([1, 1, 1], (10, 1), (10, 2))],
    ids=["bytes", "frames"],
)
async def test_frames_wait_until_they_fit(
    queued: list[int], fits: tuple[int, int], waits: tuple[int, int], pair: Pair
) -> None:
    pair.tap.most = 0
    pair.offer(*map(bytes, queued))
    await pair.outbox.wait_to_fit(*fits)
    async with writer(pair), trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.wait_to_fit, *waits)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        assert len(nursery.child_tasks) == 1
        pair.tap.most = 1 << 20


async def test_flush_waits_until_the_socket_has_everything(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1", b"2")
    async with writer(pair), trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.flush)
        nursery.start_soon(pair.outbox.flush)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        assert len(nursery.child_tasks) == 2
        pair.tap.most = 1
    assert pair.read() == b"12"


async def test_no_frame_overtakes_the_queue(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"one")
    pair.tap.most = 100
    pair.offer(b"two")
    assert pair.read() == b""
    async with writer(pair):
        assert await pair.read_exactly(6) == b"onetwo"


def thousand(number: int) -> bytes:
    return b"%04d" % number + bytes(996)


async def the_socket_is_full(pair: Pair) -> None:
    while pair.tap.begun == pair.tap.taken:
        await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()


async def test_queued_frames_are_encrypted_late() -> None:
    async with tls_outbox_pair() as pair, writer(pair):
        pair.offer(*map(thousand, range(200)))
        await the_socket_is_full(pair)
        assert pair.tap.begun - pair.tap.taken <= PIECE_BYTES
        owed_frames = -(-pair.tap.begun // 1000) - pair.tap.taken // 1000
        pair.offer(*[b"x"] * 100)
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == owed_frames


async def test_bytes_after_the_encrypted_ones_are_written_later(nursery: trio.Nursery) -> None:
    written: list[bytes] = []

    async def write(parts: Sequence[bytes]) -> int:
        await trio.lowlevel.checkpoint()
        written.append(b"".join(parts))
        if len(written) == 1:
            raise Owed(3, 5)
        return len(written[-1])

    with outbox_pair(most=0) as pair:
        pair.outbox._transport = SimpleNamespace(write=write)
        pair.offer(b"abcd", b"efgh")
        nursery.start_soon(pair.outbox.drain_forever)
        await pair.outbox.flush()
    assert written == [b"abcdefgh", b"fgh"]


async def test_flush_waits_for_an_owed_close_frame() -> None:
    async with tls_outbox_pair() as pair:
        pair.tap.most = 5
        await pair.outbox.send(CLOSE)
        async with writer(pair), trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.flush)
            pair.tap.most = 1 << 20
            assert await pair.read_exactly(len(CLOSE)) == CLOSE


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
    with outbox_pair(send_queue=1, write_timeout_seconds=10) as pair:
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
    with outbox_pair(send_queue=100, write_timeout_seconds=10) as pair:
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
    with outbox_pair(send_queue=100, write_timeout_seconds=10) as pair:
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

    async with make_pair(send_queue=20) as lost:
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

"""The outbox, case by case; whatever interleaving is the business of ``tests/fuzz``."""

from collections.abc import Iterator

import pytest
import trio
import trio.testing

from tests.websocket.pairs import Pair, outbox_pair, writer
from tests.websocket.wire import TIMEOUT_SECONDS

CLOSE = b"the close frame"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with outbox_pair(max_frames=4, max_bytes=1000) as pair:
        yield pair


async def frames_are_in_the_writers_hand(pair: Pair) -> None:
    """Wait for it; a writer whose socket takes nothing, but says that it would, never blocks."""
    while not pair.outbox._hand:
        await trio.lowlevel.checkpoint()


def assert_empty(pair: Pair) -> None:
    assert (pair.outbox.waiting_frames, pair.outbox._waiting_bytes) == (0, 0)


# --- offer ---------------------------------------------------------------------------------------


def test_offer_to_an_empty_outbox_is_sent_at_once(pair: Pair) -> None:
    pair.offer(b"one", b"two")
    assert pair.read() == b"onetwo"
    assert_empty(pair)


async def test_rest_of_an_offer_is_sent_later(pair: Pair) -> None:
    pair.tap.most = 4
    pair.offer(b"one", b"two", b"three")
    assert pair.read() == b"onet"
    assert pair.outbox.waiting_frames == 2
    async with writer(pair):
        assert await pair.read_exactly(7) == b"wothree"
        await pair.outbox.flush()
    assert_empty(pair)


async def test_no_frame_overtakes_the_queue(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"one")
    pair.tap.most = 100
    pair.offer(b"two")
    assert pair.read() == b""
    async with writer(pair):
        assert await pair.read_exactly(6) == b"onetwo"


async def test_no_frame_overtakes_the_writers_hand(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"one")
    async with writer(pair):
        await frames_are_in_the_writers_hand(pair)
        pair.tap.most = 2
        pair.offer(b"two")
        assert await pair.read_exactly(6) == b"onetwo"


async def test_outbox_writes_through_again_after_the_writer(
    pair: Pair,
) -> None:
    pair.tap.most = 1
    pair.offer(b"one")
    async with writer(pair):
        assert await pair.read_exactly(3) == b"one"
        pair.tap.most = 100
        pair.offer(b"two")
        assert pair.read() == b"two"


# --- the bounds ----------------------------------------------------------------------------------


def test_outbox_holds_the_maximum_number_of_frames(pair: Pair) -> None:
    pair.tap.most = 0
    for _ in range(4):
        pair.offer(b"x")
    assert not pair.drops
    assert pair.outbox.waiting_frames == 4


def test_frame_that_does_not_fit_drops_the_client_once(pair: Pair) -> None:
    pair.tap.most = 0
    for _ in range(6):
        pair.offer(b"x")
    assert pair.drops == [None]
    assert_empty(pair)


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


def test_frame_sent_at_once_does_not_count(pair: Pair) -> None:
    for _ in range(10):
        pair.offer(bytes(300))
        pair.read()
    assert not pair.drops


async def test_begun_frame_counts_completely(pair: Pair) -> None:
    pair.tap.most = 500
    pair.offer(bytes(600))
    pair.offer(bytes(400))
    assert not pair.drops
    pair.offer(b"x")
    assert pair.drops == [None]


async def test_bounds_apply_again_after_the_writer(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1", b"2", b"3", b"4")
    async with writer(pair):
        pair.tap.most = 100
        assert await pair.read_exactly(4) == b"1234"
        await pair.outbox.flush()
        pair.tap.most = 0
        pair.offer(b"1", b"2", b"3", b"4")
        assert not pair.drops
        pair.offer(b"5")
        assert pair.drops == [None]


# --- after a drop --------------------------------------------------------------------------------


async def test_dropped_client_receives_the_begun_frame_and_the_close_frame(
    pair: Pair,
) -> None:
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


async def test_drop_keeps_the_begun_frame_in_the_writers_hand(pair: Pair) -> None:
    pair.tap.most = 2
    async with writer(pair):
        pair.offer(b"begun", b"1", b"2")
        pair.tap.most = 0
        await frames_are_in_the_writers_hand(pair)
        pair.offer(b"3", b"4")
        assert pair.drops == [None]
        pair.tap.most = 100
        await pair.outbox.send(CLOSE)
        await pair.outbox.flush()
    assert pair.read() == b"begun" + CLOSE


async def test_drop_discards_frames_in_the_writers_hand(
    pair: Pair,
) -> None:
    pair.tap.most = 0
    async with writer(pair):
        pair.offer(b"1", b"2", b"3")
        await frames_are_in_the_writers_hand(pair)
        pair.offer(b"4", b"5")
        assert pair.drops == [None]
        assert_empty(pair)
        pair.tap.most = 100
        await pair.outbox.send(CLOSE)
        await pair.outbox.flush()
    assert pair.read() == CLOSE


async def test_begun_frame_beyond_the_bound_drops_the_client(
    pair: Pair,
) -> None:
    pair.tap.most = 500
    begun = bytes(range(256)) * 4
    pair.offer(begun)
    assert pair.drops == [None]
    async with writer(pair):
        await pair.outbox.send(CLOSE)
        assert await pair.read_exactly(1024 + len(CLOSE)) == begun + CLOSE


# --- sealing -------------------------------------------------------------------------------------


async def test_sealed_outbox_ignores_offers_and_sends_the_rest(
    pair: Pair,
) -> None:
    pair.tap.most = 0
    pair.offer(b"one")
    pair.outbox.seal()
    pair.offer(b"too late")
    assert pair.outbox.waiting_frames == 1
    async with writer(pair):
        await pair.outbox.send(CLOSE)
        pair.tap.most = 100
        await pair.outbox.flush()
    assert pair.read() == b"one" + CLOSE
    assert not pair.drops


# --- send ----------------------------------------------------------------------------------------


async def test_send_to_an_empty_outbox_is_sent_at_once(pair: Pair) -> None:
    await pair.outbox.send(b"pong")
    assert pair.read() == b"pong"
    assert_empty(pair)


async def test_send_queues_the_frame_if_the_socket_is_full(pair: Pair) -> None:
    pair.tap.most = 0
    await pair.outbox.send(b"one")
    assert pair.outbox.waiting_frames == 1
    pair.tap.most = 100
    async with writer(pair):
        assert await pair.read_exactly(3) == b"one"


async def test_send_comes_after_the_queue(
    pair: Pair,
) -> None:
    pair.tap.most = 3
    await pair.outbox.send(b"pong")
    assert pair.outbox.waiting_frames == 1
    pair.offer(b"one")
    await pair.outbox.send(b"two")
    async with writer(pair):
        assert await pair.read_exactly(10) == b"pongonetwo"


async def test_send_waits_for_room_and_never_drops(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1", b"2", b"3", b"4")
    async with writer(pair), trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.send, b"5")
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        assert pair.outbox.waiting_frames == 4
        pair.tap.most = 100
        assert await pair.read_exactly(5) == b"12345"
    assert not pair.drops


async def test_waiting_send_comes_after_the_begun_frame_of_a_drop(pair: Pair) -> None:
    pair.tap.most = 2
    pair.offer(b"begun", b"1", b"2", b"3")
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.send, CLOSE)
            await trio.testing.wait_all_tasks_blocked()
            pair.offer(b"4")
            assert pair.drops == [None]
    async with writer(pair):
        assert await pair.read_exactly(5 + len(CLOSE)) == b"begun" + CLOSE


async def test_cancelled_send_sends_nothing(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1", b"2", b"3", b"4")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.send, b"never")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert pair.outbox.waiting_frames == 4
    async with writer(pair):
        pair.tap.most = 100
        await pair.outbox.flush()
    assert pair.read() == b"1234"


async def test_send_cancelled_before_it_began_sends_nothing(pair: Pair) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await pair.outbox.send(b"never")
    assert pair.read() == b""


async def test_large_frame_waits_until_it_fits(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1" * 990)
    await pair.outbox.wait_to_fit(10)
    async with writer(pair), trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.wait_to_fit, 11)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        assert len(nursery.child_tasks) == 1
        pair.tap.most = 1 << 20


async def test_frame_that_never_fits_waits_for_an_empty_queue(pair: Pair) -> None:
    await pair.outbox.wait_to_fit(1001)


async def test_many_small_frames_wait_until_they_fit(pair: Pair) -> None:
    pair.tap.most = 0
    pair.offer(b"1", b"2", b"3")
    await pair.outbox.wait_to_fit(10, 1)
    async with writer(pair), trio.open_nursery() as nursery:
        nursery.start_soon(pair.outbox.wait_to_fit, 10, 2)
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

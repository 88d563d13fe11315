"""The outbox, case by case; `tests/fuzz` has any interleaving."""

import pytest
import trio
import trio.testing

from tests.websocket.pairs import Pair, outbox_pair, writer

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

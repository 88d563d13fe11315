"""The outbox over TLS: the writer sends everything, in portions that have begun as a whole."""

from contextlib import suppress

import pytest
import trio
import trio.testing

from tests.websocket.pairs import CountingTls, Pair, tls_outbox_pair, writer
from tests.websocket.wire import TIMEOUT_SECONDS
from trio_chat.websocket.transport import _PORTION_BYTES, StreamTransport

CLOSE = b"the close frame"


async def the_socket_is_full(pair: Pair) -> None:
    """Wait until the writer waits for room."""
    while pair.counter.begun == pair.counter.taken:
        await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()


async def test_an_offer_sends_nothing_until_the_writer_has_its_turn() -> None:
    async with tls_outbox_pair() as pair:
        pair.offer(b"one", b"two")
        assert pair.read() == b""
        assert pair.outbox.waiting_frames == 2
        async with writer(pair):
            assert await pair.read_exactly(6) == b"onetwo"
            await pair.outbox.flush()
        assert pair.outbox.waiting_frames == 0


async def test_256_frames_wait_and_the_257th_drops_the_client() -> None:
    async with tls_outbox_pair() as pair:
        pair.offer(*[b"x"] * 256)
        assert not pair.drops
        pair.offer(b"x")
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == 0


async def test_a_megabyte_waits_and_one_byte_more_drops_the_client() -> None:
    async with tls_outbox_pair() as pair:
        pair.offer(*[bytes(1 << 18)] * 4)
        assert not pair.drops
        pair.offer(b"x")
        assert pair.drops == [None]


async def test_at_a_drop_the_portion_that_has_begun_is_finished_and_the_rest_is_discarded() -> None:
    async with tls_outbox_pair() as pair, writer(pair):
        frames = [b"%03d" % number + bytes(997) for number in range(200)]
        pair.offer(*frames)
        await the_socket_is_full(pair)
        begun = pair.counter.begun
        assert begun <= _PORTION_BYTES
        assert begun % 1000 == 0
        pair.offer(*[b"x"] * 100)
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == begun // 1000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.send, CLOSE)
            expected = b"".join(frames)[:begun] + CLOSE
            assert await pair.read_exactly(len(expected)) == expected
        await pair.outbox.flush()
        assert pair.read() == b""


async def test_a_frame_larger_than_a_portion_goes_alone_and_whole_even_after_a_drop() -> None:
    async with tls_outbox_pair(max_frames=2) as pair, writer(pair):
        large = bytes(range(256)) * 1000
        pair.offer(large, b"small")
        await the_socket_is_full(pair)
        assert pair.counter.begun == _PORTION_BYTES
        pair.offer(b"one too many")
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == 1
        await pair.outbox.send(CLOSE)
        assert await pair.read_exactly(len(large + CLOSE)) == large + CLOSE


async def test_a_peer_that_takes_nothing_in_time_breaks_the_outbox(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with tls_outbox_pair(write_timeout_seconds=10) as pair:
        pair.offer(*[bytes(10_000)] * 20)
        with pytest.raises(trio.BrokenResourceError):
            await pair.outbox.drain_forever()
        assert autojump_clock.current_time() == 10
        assert pair.outbox.is_broken


async def test_who_is_dropped_has_the_whole_write_timeout_from_then_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with tls_outbox_pair(max_frames=20, write_timeout_seconds=10) as pair:
        pair.offer(*[bytes(10_000)] * 20)

        async def drop_late() -> None:
            await trio.sleep(9)
            pair.offer(b"one too many")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drop_late)
            with pytest.raises(trio.BrokenResourceError):
                await pair.outbox.drain_forever()
        assert pair.drops == [None]
        assert autojump_clock.current_time() == 19


async def test_a_peer_that_goes_while_frames_wait_breaks_the_writer_and_who_waits_for_it() -> None:
    async def broken(name: str) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await getattr(pair.outbox, name)()

    async with tls_outbox_pair() as pair:
        pair.offer(*[bytes(10_000)] * 20)
        with trio.fail_after(TIMEOUT_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(broken, "drain_forever")
                nursery.start_soon(broken, "flush")
                await the_socket_is_full(pair)
                pair.peer.close()


async def test_a_transport_whose_write_was_cut_says_no_goodbye(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with tls_outbox_pair() as pair:
        assert isinstance(pair.counter, CountingTls)
        transport = StreamTransport(pair.counter, pair.tap.sock)
        with trio.move_on_after(1) as scope:
            await transport.write([bytes(_PORTION_BYTES)], lambda _: None)
        assert scope.cancelled_caught
        taken = pair.tap.taken
        await transport.aclose(reset=False)
        assert pair.tap.taken == taken
        assert pair.tap.sock.fileno() == -1
        assert autojump_clock.current_time() == 1


async def test_a_goodbye_for_which_there_is_no_room_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with tls_outbox_pair() as pair:
        assert isinstance(pair.counter, CountingTls)
        transport = StreamTransport(pair.counter, pair.tap.sock)
        with suppress(BlockingIOError):
            while True:
                pair.tap.sock.send(bytes(10_000))
        with trio.CancelScope() as scope:
            scope.cancel()  # it is shielded, but not for ever
            await transport.aclose(reset=False)
        assert pair.tap.sock.fileno() == -1
        assert 0 < autojump_clock.current_time() < 10

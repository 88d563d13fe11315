"""The outbox over TLS, where a frame may be encrypted, and its ciphertext owed."""

import trio
import trio.testing

from tests.websocket.pairs import Pair, tls_outbox_pair, writer
from trio_chat.tls.socket import PIECE_BYTES

CLOSE = b"the close frame"


def thousand(number: int) -> bytes:
    return b"%04d" % number + bytes(996)


async def the_socket_is_full(pair: Pair) -> None:
    while pair.tap.begun == pair.tap.taken:
        await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()


async def test_owed_ciphertext_counts_and_is_sent_first() -> None:
    async with tls_outbox_pair() as pair:
        pair.tap.most = 5
        pair.offer(b"one")
        assert pair.outbox.waiting_frames == 1
        pair.offer(b"two")
        assert pair.tap.begun == 3
        async with writer(pair):
            pair.tap.most = 1 << 20
            assert await pair.read_exactly(6) == b"onetwo"
            await pair.outbox.flush()
        assert pair.outbox.waiting_frames == 0


async def test_queued_frames_are_encrypted_late() -> None:
    async with tls_outbox_pair() as pair, writer(pair):
        pair.offer(*map(thousand, range(200)))
        await the_socket_is_full(pair)
        assert pair.tap.begun - pair.tap.taken <= PIECE_BYTES
        owed_frames = -(-pair.tap.begun // 1000) - pair.tap.taken // 1000
        pair.offer(*[b"x"] * 100)
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == owed_frames


async def test_257th_frame_under_tls_drops_the_client() -> None:
    async with tls_outbox_pair() as pair:
        pair.tap.most = 0
        pair.offer(*[b"x"] * 256)
        assert not pair.drops
        pair.offer(b"x")
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == 256  # encrypted as one record


async def test_begun_large_frame_arrives_whole_after_a_drop() -> None:
    async with tls_outbox_pair(max_frames=2) as pair, writer(pair):
        large = bytes(range(256)) * 1000
        pair.offer(large, b"small")
        await the_socket_is_full(pair)
        assert pair.tap.begun < len(large)
        pair.offer(b"one too many")
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == 1
        await pair.outbox.send(CLOSE)
        assert await pair.read_exactly(len(large + CLOSE)) == large + CLOSE


async def test_flush_waits_for_an_owed_close_frame() -> None:
    async with tls_outbox_pair() as pair:
        pair.tap.most = 5
        await pair.outbox.send(CLOSE)
        async with writer(pair), trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.flush)
            pair.tap.most = 1 << 20
            assert await pair.read_exactly(len(CLOSE)) == CLOSE

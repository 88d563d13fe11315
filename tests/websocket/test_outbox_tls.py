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


async def test_queued_frames_are_encrypted_late() -> None:
    async with tls_outbox_pair() as pair, writer(pair):
        pair.offer(*map(thousand, range(200)))
        await the_socket_is_full(pair)
        assert pair.tap.begun - pair.tap.taken <= PIECE_BYTES
        owed_frames = -(-pair.tap.begun // 1000) - pair.tap.taken // 1000
        pair.offer(*[b"x"] * 100)
        assert pair.drops == [None]
        assert pair.outbox.waiting_frames == owed_frames


async def test_flush_waits_for_an_owed_close_frame() -> None:
    async with tls_outbox_pair() as pair:
        pair.tap.most = 5
        await pair.outbox.send(CLOSE)
        async with writer(pair), trio.open_nursery() as nursery:
            nursery.start_soon(pair.outbox.flush)
            pair.tap.most = 1 << 20
            assert await pair.read_exactly(len(CLOSE)) == CLOSE

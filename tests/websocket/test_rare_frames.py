"""The stream under trio-websocket."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from attrs import define
from websockets.frames import Opcode

from tests.websocket.pairs import Pair, outbox_pair
from tests.websocket.wire import TIMEOUT_SECONDS
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.encodings import server_frame
from trio_chat.websocket.frames import close_frame
from trio_chat.websocket.rare_frames import RareFrames


@define(eq=False)
class Lab:
    """A stream on a socket pair; `handled` grows when trio-websocket asks for more."""

    stream: RareFrames
    pair: Pair
    handled: list[None]

    async def read(self) -> bytes:
        with trio.fail_after(TIMEOUT_SECONDS):
            return await self.stream.receive_some()


@contextmanager
def lab() -> Iterator[Lab]:
    with outbox_pair() as pair:
        handled: list[None] = []
        yield Lab(RareFrames(pair.outbox, 100, lambda: handled.append(None)), pair, handled)


async def test_stream_returns_given_bytes_and_reports_when_they_are_handled() -> None:
    with lab() as scene:
        scene.stream.give(b"first")
        assert await scene.read() == b"first"
        assert scene.handled == []
        async with trio.open_nursery() as nursery:

            async def read_on() -> None:
                assert await scene.read() == b""

            nursery.start_soon(read_on)
            await trio.testing.wait_all_tasks_blocked()
            assert len(scene.handled) == 1
            scene.stream.give(b"")
        assert len(scene.handled) == 1


async def test_cancelled_read_loses_no_bytes() -> None:
    with lab() as scene:
        scene.stream.give(b"first")
        await scene.read()
        for _ in range(2):
            with trio.move_on_after(0.01):
                await scene.stream.receive_some()
        scene.stream.give(b"frames")
        assert await scene.read() == b"frames"
        assert len(scene.handled) == 1


async def test_closed_stream_returns_no_bytes() -> None:
    with lab() as scene:
        scene.stream.give(b"first")
        await scene.read()
        await scene.stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await scene.read()
        assert scene.handled == []
        assert scene.pair.tap.sock.fileno() != -1


async def test_close_frame_of_trio_websocket_seals_the_outbox() -> None:
    with lab() as scene:
        await scene.stream.send_all(bytearray(server_frame(Opcode.PONG, b"x")))
        assert not scene.stream.has_sent_close
        scene.pair.offer(b"an offer")
        assert scene.pair.read() == b"\x8a\x01xan offer"
    with lab() as scene:
        closing = close_frame(CloseCode.NORMAL)
        await scene.stream.send_all(bytearray(closing))
        scene.pair.offer(b"an offer")
        assert scene.pair.read() == closing
        assert scene.stream.has_sent_close


async def test_stream_writes_through_the_outbox() -> None:
    with lab() as scene, trio.fail_after(TIMEOUT_SECONDS):
        scene.pair.tap.most = 0
        scene.pair.offer(b"x")
        await scene.stream.wait_send_all_might_not_block()
        await scene.stream.send_all(b"y")
        assert scene.pair.outbox.waiting_frames == 2

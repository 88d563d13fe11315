"""The stream that trio-websocket reads: what it is shown, and what goes past it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from attrs import define, field
from websockets.frames import Opcode

from tests.websocket.pairs import Pair, outbox_pair
from tests.websocket.wire import HEAD, TIMEOUT_SECONDS, close, fragments, frame, text, upgrade
from trio_chat.errors import Disconnect
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.frames import FrameScanner, close_frame, server_frame
from trio_chat.protocol.membership import Publish, Request
from trio_chat.websocket.stream import MessageStream
from trio_chat.websocket.transport import SocketTransport

FRAGMENTS = fragments(Opcode.TEXT, b"a", b"b")
NOW = 17.0
PING = frame(Opcode.PING, b"x")


@define
class Heard:
    """Notes what the stream tells its receiver.

    Attributes:
        texts: The messages.
        violations: The codes of violations.
        sizes: Bytes and frames, as told.
        at_once: The messages that had to be dealt with on the spot, their sizes, and when.
        takes_at_once: Whether that is possible.
        asks: What is then asked of the hub.
    """

    texts: list[str] = field(factory=list)
    violations: list[CloseCode] = field(factory=list)
    sizes: list[tuple[int, int]] = field(factory=list)
    at_once: list[tuple[str, int, float]] = field(factory=list)
    takes_at_once: bool = True
    asks: Publish | None = None

    def take_at_once(self, text: str, size: int, now: float) -> Publish | None:
        """Note it, with the bytes it took."""
        self.at_once.append((text, size, now))
        return self.asks

    def on_bytes(self, size: int, frames: int) -> None:
        """Note it."""
        self.sizes.append((size, frames))

    async def on_text(self, text: str) -> None:
        """Note it."""
        self.texts.append(text)

    def on_violation(self, violation: Disconnect) -> None:
        """Note it."""
        self.violations.append(violation.code)


@define(eq=False)
class Lab:
    """A stream on a socket pair.

    Attributes:
        stream: What is tested.
        heard: Its receiver.
        pair: The socket and its outbox.
    """

    stream: MessageStream
    heard: Heard
    pair: Pair

    async def read(self) -> bytes:
        """What trio-websocket would be given next."""
        with trio.fail_after(TIMEOUT_SECONDS):
            return await self.stream.receive_some()

    async def accept(self) -> None:
        """Read the head and accept the upgrade."""
        assert await self.read() == HEAD
        self.stream.accept()


@contextmanager
def lab(trailing: bytes = b"", max_message_bytes: int = 1000) -> Iterator[Lab]:
    with outbox_pair() as pair:
        heard = Heard()
        scanner = FrameScanner(max_message_bytes)
        stream = MessageStream(
            SocketTransport(pair.tap.sock),
            pair.outbox,
            upgrade(trailing=trailing),
            scanner,
            heard,
        )
        yield Lab(stream, heard, pair)


# --- the upgrade ---------------------------------------------------------------------------------


async def test_the_head_comes_first_and_alone() -> None:
    with lab(trailing=PING) as scene:
        assert await scene.read() == HEAD


async def test_nothing_is_read_before_the_upgrade_has_been_accepted() -> None:
    with lab(trailing=PING) as scene:
        await scene.read()
        async with trio.open_nursery() as nursery:

            async def read_on() -> None:
                assert await scene.read() == PING

            nursery.start_soon(read_on)
            await trio.testing.wait_all_tasks_blocked()
            assert scene.heard.sizes == []
            scene.stream.accept()
        assert scene.heard.sizes == [(len(PING), 1)]


async def test_what_came_with_the_head_comes_before_what_came_later() -> None:
    with lab(trailing=text("1") + PING[:3]) as scene:
        await scene.accept()
        scene.pair.peer.send(PING[3:] + text("2") + close())
        assert await scene.read() == PING
        assert await scene.read() != PING
        assert scene.heard.texts == ["1", "2"]


# --- at once -------------------------------------------------------------------------------------


def take(scene: Lab, data: bytes) -> tuple[bool, list[Request]]:
    """Whether it is taken at once, and what is asked of the hub then."""
    requests: list[Request] = []
    return scene.stream._take_at_once(data, NOW, requests), requests


def test_one_whole_short_text_is_taken_at_once_and_asks_what_its_receiver_asks() -> None:
    with lab() as scene:
        ask = Publish(object(), "general", "hi")  # type: ignore[arg-type]
        scene.heard.asks = ask
        assert take(scene, text("hi")) == (True, [ask])
        assert scene.heard.at_once == [("hi", len(text("hi")), NOW)]


def test_a_receiver_that_asks_nothing_adds_nothing() -> None:
    with lab() as scene:
        assert take(scene, text("hi")) == (True, [])


@pytest.mark.parametrize(
    "data",
    [PING, text("1") + text("2"), text("hi")[:-1], text("x" * 126), FRAGMENTS, b"", close()],
    ids=["a ping", "two", "a part", "a longer one", "fragments", "the end", "a close"],
)
def test_anything_else_is_not_taken(data: bytes) -> None:
    with lab() as scene:
        assert take(scene, data) == (False, [])
        assert scene.heard == Heard()


def test_nothing_is_taken_while_the_receiver_does_not() -> None:
    with lab() as scene:
        scene.heard.takes_at_once = False
        assert take(scene, text("hi")) == (False, [])


async def test_nothing_is_taken_while_a_message_is_with_trio_websocket() -> None:
    with lab(trailing=FRAGMENTS) as scene:
        await scene.accept()
        assert await scene.read() + await scene.read() == FRAGMENTS
        assert take(scene, text("hi")) == (False, [])
        scene.stream.settle_one()
        assert take(scene, text("hi")) == (True, [])


def test_nothing_is_taken_from_a_connection_that_is_closing() -> None:
    with lab() as scene:
        scene.stream.begin_closing()
        assert take(scene, text("hi")) == (False, [])


# --- past trio-websocket -------------------------------------------------------------------------


async def test_texts_go_past_trio_websocket_and_the_rest_does_not() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(text("1") + PING + text("2") + close())
        assert await scene.read() == PING
        assert scene.heard.texts == ["1"]
        assert (await scene.read())[0] == 0x88
        assert scene.heard.texts == ["1", "2"]


async def test_a_text_waits_until_every_message_before_it_has_been_dealt_with() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(FRAGMENTS + frame(Opcode.BINARY, b"x") + text("last") + PING)
        for _ in range(3):
            await scene.read()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.read)
            for _ in range(2):
                await trio.testing.wait_all_tasks_blocked()
                assert scene.heard.texts == []
                scene.stream.settle_one()
        assert scene.heard.texts == ["last"]


async def test_a_message_that_has_been_dealt_with_before_the_next_text_holds_nobody_up() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(FRAGMENTS)
        await scene.read()
        await scene.read()
        scene.stream.settle_one()
        scene.pair.peer.send(text("last") + PING)
        assert await scene.read() == PING
        assert scene.heard.texts == ["last"]


async def test_a_violation_waits_for_the_messages_before_it_too() -> None:
    with lab(max_message_bytes=5) as scene:
        await scene.accept()
        scene.pair.peer.send(FRAGMENTS + text("too big"))
        await scene.read()
        await scene.read()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.read)
            await trio.testing.wait_all_tasks_blocked()
            assert scene.heard.violations == []
            scene.stream.settle_one()
            await trio.testing.wait_all_tasks_blocked()
            assert scene.heard.violations == [CloseCode.TOO_BIG]
            nursery.cancel_scope.cancel()


# --- closing -------------------------------------------------------------------------------------


async def test_once_closing_only_a_close_frame_is_passed_on_of_what_had_come_and_what_comes() -> (
    None
):
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(PING + PING + text("1") + FRAGMENTS + close(3001))
        assert await scene.read() == PING
        scene.stream.begin_closing()
        assert (await scene.read())[:2] == close(3001)[:2]
        scene.pair.peer.send(PING + text("2") + close(3002))
        assert (await scene.read())[:2] == close(3002)[:2]
        assert scene.heard.texts == []


async def test_once_trio_websocket_has_closed_it_it_reads_no_more() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(PING)
        await scene.stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await scene.read()
        assert scene.pair.tap.sock.fileno() != -1


async def test_a_close_frame_of_trio_websocket_seals_the_outbox() -> None:
    with lab() as scene:
        await scene.stream.send_all(b"HTTP/1.1 101 ")
        await scene.stream.send_all(bytearray(server_frame(Opcode.PONG, b"x")))
        assert not scene.stream.close_frame_sent
        scene.pair.offer(b"an offer")
        assert scene.pair.read() == b"HTTP/1.1 101 " + b"\x8a\x01x" + b"an offer"
    with lab() as scene:
        closing = close_frame(CloseCode.NORMAL)
        await scene.stream.send_all(bytearray(closing))
        scene.pair.offer(b"an offer")
        assert scene.pair.read() == closing
        assert scene.stream.close_frame_sent


# --- the socket ----------------------------------------------------------------------------------


async def test_the_end_of_the_socket_is_the_end_of_the_stream() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.peer.send(text("last") + PING[:3])
        scene.pair.peer.close()
        assert await scene.read() == b""
        assert scene.heard.texts == ["last"]


async def test_a_broken_socket_is_the_end_of_the_stream() -> None:
    with lab() as scene:
        await scene.accept()
        scene.pair.tap.sock.send(b"never read, so the peer's end is a reset")
        scene.pair.peer.close()
        assert await scene.read() == b""


async def test_writing_never_blocks_without_waiting_in_the_outbox() -> None:
    with lab() as scene, trio.fail_after(TIMEOUT_SECONDS):
        scene.pair.tap.most = 0
        scene.pair.offer(b"x")
        await scene.stream.wait_send_all_might_not_block()
        await scene.stream.send_all(b"y")
        assert scene.pair.outbox.waiting_frames == 2

"""A connection while it lives: the upgrade, and what the client says."""

import pytest
import trio.testing
from websockets.frames import Opcode
from websockets.utils import accept_key

from tests.websocket.scene import Notes, connected
from tests.websocket.wire import KEY, close, fragments, frame, text, texts
from trio_chat.protocol.encodings import text_frame
from trio_chat.websocket.connection import ABNORMAL

pytestmark = pytest.mark.usefixtures("carrier")


async def test_upgrade_is_answered_with_the_expected_key() -> None:
    async with connected(answered=False) as scene:
        head = (await scene.client.receive_head()).decode().lower().split("\r\n")
        assert head[0].startswith("http/1.1 101 ")
        assert f"sec-websocket-accept: {accept_key(KEY).lower()}" in head
        assert not any(line.startswith("sec-websocket-extensions") for line in head)


async def test_texts_arrive_in_order() -> None:
    async with connected() as scene:
        await scene.client.send(text("one"), text(""), text("grüße"))
        assert await scene.notes.hear(3) == ["one", "", "grüße"]
        assert scene.sample("received_messages_total") == 3


async def test_fragmented_text_arrives_whole() -> None:
    async with connected() as scene:
        cut = "grü".encode()[:-1], "grü".encode()[-1:], b"", b"\xc3\x9fe"
        await scene.client.send(fragments(Opcode.TEXT, *cut))
        assert await scene.notes.hear(1) == ["grüße"]


async def test_binary_messages_arrive_whole() -> None:
    async with connected() as scene:
        await scene.client.send(
            frame(Opcode.BINARY, b"\xff\x00"), fragments(Opcode.BINARY, b"a", b"b")
        )
        assert await scene.notes.hear(2) == [b"\xff\x00", b"ab"]


async def test_frames_in_the_packet_of_the_upgrade_arrive() -> None:
    trailing = text("early") + frame(Opcode.PING, b"here?") + fragments(Opcode.TEXT, b"bi", b"rd")
    async with connected(trailing=trailing[:-3]) as scene:
        pong = await scene.client.receive()
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"here?")
        await scene.client.send(trailing[-3:])
        assert await scene.notes.hear(2) == ["early", "bird"]


async def test_upgrade_is_answered_before_its_trailing_frames() -> None:
    async with connected(answered=False, trailing=text("too early")) as scene:
        answer = text_frame(b"answer")
        scene.notes.on_hearing = lambda: scene.connection.outbox.offer([answer], answer)
        assert (await scene.client.receive_head()).startswith(b"HTTP/1.1 101 ")
        assert texts([await scene.client.receive()]) == ["answer"]


async def test_ping_is_answered_with_its_payload() -> None:
    async with connected() as scene:
        first, last = frame(Opcode.TEXT, b"a", fin=False), frame(Opcode.CONT, b"b")
        await scene.client.send(first, frame(Opcode.PING, b"\x00\xff"), last)
        pong = await scene.client.receive()
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"\x00\xff")
        assert await scene.notes.hear(1) == ["ab"]


async def test_unsolicited_pong_is_ignored() -> None:
    async with connected() as scene:
        await scene.client.send(frame(Opcode.PONG, b"hm"), text("still here"))
        assert await scene.notes.hear(1) == ["still here"]


async def test_messages_are_handled_one_at_a_time() -> None:
    gate = trio.Event()
    async with connected(notes=Notes(gate=gate)) as scene:
        await scene.client.send(text("one"), text("two"))
        await scene.notes.hear(1)
        await trio.testing.wait_all_tasks_blocked()
        assert scene.notes.heard == ["one"]
        gate.set()
        assert await scene.notes.hear(2) == ["one", "two"]


async def test_texts_wait_for_an_earlier_fragmented_one() -> None:
    gate = trio.Event()
    async with connected(notes=Notes(gate=gate)) as scene:
        await scene.client.send(
            fragments(Opcode.TEXT, b"fr", b"ag"), text("two"), frame(Opcode.BINARY, b"3"), text("4")
        )
        await scene.notes.hear(1)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.notes.heard == ["frag"]
        gate.set()
        assert await scene.notes.hear(4) == ["frag", "two", b"3", "4"]


async def test_offered_frames_reach_the_client() -> None:
    async with connected() as scene:
        await scene.client.send(text("hello"))
        await scene.notes.hear(1)
        one, two = text_frame(b"one"), text_frame(b"two")
        scene.connection.outbox.offer([one, two], one + two)
        assert texts([await scene.client.receive(), await scene.client.receive()]) == ["one", "two"]


async def test_received_bytes_include_those_after_the_upgrade() -> None:
    early, late = text("early"), text("late")
    async with connected(trailing=early) as scene:
        await scene.client.send(late)
        await scene.notes.hear(2)
        assert scene.sample("received_bytes_total") == len(early + late)


async def test_vanished_client_leaves_and_its_socket_closes() -> None:
    async with connected() as scene:
        await scene.client.close()
        assert await scene.wait_ended() == ABNORMAL
        assert scene.notes.left >= 1


async def test_reset_ends_the_connection() -> None:
    async with connected() as scene:
        await scene.client.send(text("one"), frame(Opcode.TEXT, b"half")[:-2])
        await scene.notes.hear(1)
        await scene.client.reset()
        assert await scene.wait_ended() == ABNORMAL


async def test_close_of_the_client_is_answered_and_returned() -> None:
    async with connected() as scene:
        await scene.client.send(text("bye"), close(3001, "had enough"))
        assert (await scene.client.receive_close()).code == 3001
        assert await scene.wait_ended() == 3001
        assert scene.notes.heard == ["bye"]


async def test_trio_websocket_starts_with_the_first_unusual_frame() -> None:
    async with connected() as scene:
        await scene.client.send(text("one"))
        assert await scene.notes.hear(1) == ["one"]
        assert scene.connection._websocket is None
        for _ in range(2):
            await scene.client.send(frame(Opcode.PING, b"here?"))
            assert (await scene.client.receive()).opcode == Opcode.PONG
            websocket = scene.connection._websocket
            assert websocket is not None
        await scene.client.send(text("two"))
        assert await scene.notes.hear(2) == ["one", "two"]
        assert scene.connection._websocket is websocket

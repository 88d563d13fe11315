"""A connection from the upgrade on."""

from collections.abc import Awaitable, Callable

import pytest
from websockets.frames import Opcode
from websockets.utils import accept_key

from tests.websocket.scene import connected
from tests.websocket.wire import KEY, Client, fragments, frame, text, texts
from trio_chat.protocol.encodings import text_frame
from trio_chat.websocket.connection import ABNORMAL

pytestmark = pytest.mark.usefixtures("carrier")


async def test_upgrade_is_answered_with_the_expected_key() -> None:
    async with connected(answered=False) as scene:
        head = (await scene.client.receive_head()).decode().lower().split("\r\n")
        assert head[0].startswith("http/1.1 101 ")
        assert f"sec-websocket-accept: {accept_key(KEY).lower()}" in head
        assert not any(line.startswith("sec-websocket-extensions") for line in head)


async def test_frames_in_the_packet_of_the_upgrade_arrive() -> None:
    trailing = text("early") + frame(Opcode.PING, b"here?") + fragments(Opcode.TEXT, b"bi", b"rd")
    async with connected(trailing=trailing[:-3]) as scene:
        pong = await scene.client.receive()
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"here?")
        await scene.client.send(trailing[-3:])
        assert await scene.notes.hear(2) == ["early", "bird"]
        assert scene.sample("received_bytes_total") == len(trailing)


async def test_upgrade_is_answered_before_its_trailing_frames() -> None:
    async with connected(answered=False, trailing=text("too early")) as scene:
        answer = text_frame(b"answer")
        scene.notes.on_hearing = lambda: scene.connection.outbox.offer([answer], answer)
        assert (await scene.client.receive_head()).startswith(b"HTTP/1.1 101 ")
        assert texts([await scene.client.receive()]) == ["answer"]


@pytest.mark.parametrize("vanish", [Client.close, Client.reset])
async def test_vanished_client_leaves_and_its_socket_closes(
    vanish: Callable[[Client], Awaitable[None]],
) -> None:
    async with connected() as scene:
        await scene.client.send(text("one"), frame(Opcode.TEXT, b"half")[:-2])
        await scene.notes.hear(1)
        await vanish(scene.client)
        assert await scene.wait_ended() == ABNORMAL
        assert scene.notes.left >= 1


async def test_trio_websocket_starts_with_the_first_unusual_frame() -> None:
    async with connected() as scene:
        await scene.client.send(text("one"))
        assert await scene.notes.hear(1) == ["one"]
        assert scene.connection._rare is None
        for _ in range(2):
            await scene.client.send(frame(Opcode.PING, b"here?"))
            assert (await scene.client.receive()).opcode == Opcode.PONG
            rare = scene.connection._rare
            assert rare is not None
        await scene.client.send(text("two"))
        assert await scene.notes.hear(2) == ["one", "two"]
        assert scene.connection._rare is rare

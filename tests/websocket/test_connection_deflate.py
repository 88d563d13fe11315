"""A connection with permessage-deflate."""

import pytest
import trio
import trio.testing
from websockets.frames import Close, Opcode

from tests.support.frames import RSV1, close, frame, text
from tests.websocket.scene import Notes, connected
from tests.websocket.wire import DEFLATE, code_of
from trio_chat.hub.requests import Publish
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import Encoding

ASK = Publish(object(), "general", "hi")  # type: ignore[arg-type]
LONG = "gr\u00fc\u00dfe, " * 100
DEFLATED = deflate(LONG.encode())


def begin(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    return frame(opcode, payload, fin=fin, rsv=RSV1)


async def test_acceptable_offer_is_accepted() -> None:
    async with connected(answered=False, deflate=DEFLATE) as scene:
        head = await scene.client.receive_head()
        assert head.endswith(f"\r\nSec-WebSocket-Extensions: {DEFLATE}".encode())
        assert scene.connection.encoding is Encoding.DEFLATED


@pytest.mark.parametrize(("deflate", "compression"), [(None, "on"), (DEFLATE, "off")])
async def test_compression_needs_an_offer_and_the_setting(
    deflate: str | None, compression: str
) -> None:
    async with connected(answered=False, deflate=deflate, compression=compression) as scene:
        assert b"extensions" not in (await scene.client.receive_head()).lower()
        assert scene.connection.encoding is Encoding.PLAIN


async def test_messages_arrive_in_order_with_and_without_compression() -> None:
    async with connected(deflate=DEFLATE) as scene:
        await scene.client.send(
            begin(Opcode.TEXT, DEFLATED),
            text("plain"),
            begin(Opcode.TEXT, DEFLATED[:30], fin=False),
            frame(Opcode.PING, b"p"),
            frame(Opcode.CONT, DEFLATED[30:]),
            begin(Opcode.BINARY, deflate(b"\xff" * 500)),
            begin(Opcode.TEXT, b"\x00"),
            begin(Opcode.BINARY, b"\x00"),
            text("last"),
        )
        heard = await scene.notes.hear(7)
        assert heard == [LONG, "plain", LONG, b"\xff" * 500, "", b"", "last"]
        assert (await scene.client.receive()).opcode is Opcode.PONG


async def test_large_inflated_messages_take_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 0)  # each takes longer than that
    async with connected(notes=Notes(asks=ASK), deflate=DEFLATE) as scene:
        await scene.client.send(begin(Opcode.TEXT, deflate(b"a" * 65_536)) * 50)
        assert set(await scene.notes.hear(50)) == {"a" * 65_536}
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(scene.hub.turns) > 5


async def test_control_frames_are_not_compressed() -> None:
    async with connected(deflate=DEFLATE) as scene:
        await scene.client.send(frame(Opcode.PING, b"p" * 125), close())
        pong, answer = await scene.client.receive_rest()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"p" * 125)
        assert Close.parse(answer.data) == Close(1000, "")


BOMB = deflate(bytes(65_537))


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([frame(Opcode.PING, b"p", rsv=RSV1)], 1002),
        ([begin(Opcode.TEXT, BOMB[:5], fin=False), frame(Opcode.CONT, rsv=RSV1)], 1002),
        ([begin(Opcode.TEXT, deflate(b"\xff"), fin=False), frame(Opcode.CONT)], 1007),
        ([begin(Opcode.TEXT, BOMB[:5], fin=False), frame(Opcode.CONT, BOMB[5:])], 1009),
    ],
)
async def test_invalid_compressed_frames_close_with_their_code(
    sent: list[bytes], code: int
) -> None:
    async with connected(deflate=DEFLATE, max_frame_bytes=65_536) as scene:
        await scene.client.send(text("before"), *sent, text("late"))
        assert code_of(await scene.client.receive()) == code
        await scene.client.close()
        assert await scene.wait_ended() == code
        assert scene.notes.heard == ["before"]
        assert scene.sample("drops_total", reason=CloseCode(code).name.lower()) == 1

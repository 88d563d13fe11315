"""A connection on which permessage-deflate has been agreed, or has not."""

from collections import Counter

import pytest
import trio
from websockets.frames import Close, Opcode

from tests.support.frames import RSV1, close, frame, text
from tests.websocket.scene import Notes, Scene, connected
from tests.websocket.wire import DEFLATE
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import Encoding

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


async def test_large_inflated_messages_leave_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 0)  # each takes longer than that
    turns: list[int] = []
    count = 0

    async def take_turns() -> None:
        nonlocal count
        while True:
            count += 1
            await trio.lowlevel.checkpoint()

    notes = Notes(on_hearing=lambda: turns.append(count))
    async with connected(notes=notes, deflate=DEFLATE) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await scene.client.send(begin(Opcode.TEXT, deflate(b"a" * 65_536)) * 50)
        heard = await notes.hear(50)
        nursery.cancel_scope.cancel()
    assert set(heard) == {"a" * 65_536}
    # Trio runs the tasks of a round in any order, so two may come between two of the others' turns.
    assert max(Counter(turns).values()) <= 2


async def test_control_frames_are_not_compressed() -> None:
    async with connected(deflate=DEFLATE) as scene:
        await scene.client.send(frame(Opcode.PING, b"p" * 125), close())
        pong, answer = await scene.client.receive_rest()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"p" * 125)
        assert Close.parse(answer.data) == Close(1000, "")


async def ended_with(scene: Scene, *sent: bytes) -> Close:
    """The close frame with which the connection answers."""
    await scene.client.send(text("before"), *sent, text("late"))
    closing = Close.parse((await scene.client.receive()).data)
    await scene.client.close()
    assert await scene.wait_ended() == closing.code
    assert scene.notes.heard == ["before"]
    return closing


@pytest.mark.parametrize(
    "sent",
    [
        [frame(Opcode.PING, b"p", rsv=RSV1)],
        [begin(Opcode.TEXT, DEFLATED[:9], fin=False), frame(Opcode.CONT, b"", rsv=RSV1)],
    ],
    ids=["on a ping", "on a later fragment"],
)
async def test_misplaced_compression_bit_is_a_protocol_error(sent: list[bytes]) -> None:
    async with connected(deflate=DEFLATE) as scene:
        assert (await ended_with(scene, *sent)).code == 1002


async def test_compression_bit_without_agreement_is_a_protocol_error() -> None:
    async with connected(deflate=DEFLATE, compression="off") as scene:
        assert (await ended_with(scene, begin(Opcode.TEXT, DEFLATED))).code == 1002


@pytest.mark.parametrize(
    "sent",
    [
        [begin(Opcode.TEXT, b"\xff" * 9)],
        [begin(Opcode.TEXT, deflate(b"\xff"), fin=False), frame(Opcode.CONT)],
    ],
    ids=["corrupt", "not UTF-8, in fragments"],
)
async def test_invalid_payload_closes_with_1007(sent: list[bytes]) -> None:
    async with connected(deflate=DEFLATE) as scene:
        assert (await ended_with(scene, *sent)).code == 1007
        assert scene.sample("drops_total", reason="invalid_payload") == 1


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
@pytest.mark.parametrize("cut", [None, 5])
async def test_inflating_beyond_the_limit_closes_with_1009(opcode: Opcode, cut: int | None) -> None:
    deflated = deflate(bytes(1_000_001))
    sent = [begin(opcode, deflated[:cut], fin=cut is None)]
    if cut is not None:
        sent.append(frame(Opcode.CONT, deflated[cut:]))
    async with connected(deflate=DEFLATE, max_frame_bytes=1_000_000) as scene:
        closing = await ended_with(scene, *sent)
        assert closing == Close(1009, MEANING[CloseCode.TOO_BIG])


async def test_message_that_inflates_to_the_limit_arrives() -> None:
    async with connected(deflate=DEFLATE, max_frame_bytes=100_000) as scene:
        await scene.client.send(begin(Opcode.BINARY, deflate(bytes(100_000))))
        assert await scene.notes.hear(1) == [bytes(100_000)]

"""A client that breaks the protocol receives a close frame that it can read."""

import pytest
import trio
import trio.testing
from websockets.frames import Close, Opcode

from tests.websocket.scene import Notes, connected
from tests.websocket.wire import close, fragments, frame, text
from trio_chat.protocol.close_codes import MEANING, CloseCode

pytestmark = pytest.mark.usefixtures("carrier")

MASKED_EMPTY = b"\x80abcd"

OFFENCES = {
    "a reserved bit": (b"\xc1" + MASKED_EMPTY, 1002),
    "an unmasked frame whose length is to come": (b"\x81\x7e\x00\xff", 1002),
    "a close frame with half a code": (frame(Opcode.CLOSE, b"\x03"), 1002),
    "a close code that is never sent": (close(1006), 1002),
    "no UTF-8 in one frame": (frame(Opcode.TEXT, b"\xff"), 1007),
    "no UTF-8 in a fragment": (fragments(Opcode.TEXT, b"a", b"\xc3", b"("), 1007),
    "UTF-8 cut at the end": (fragments(Opcode.TEXT, b"a", b"\xc3"), 1007),
    "no UTF-8 in the reason of a close": (frame(Opcode.CLOSE, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize(("data", "code"), OFFENCES.values(), ids=OFFENCES)
async def test_protocol_violation_closes_with_its_code(data: bytes, code: int) -> None:
    async with connected() as scene:
        await scene.client.send(text("before"), data)
        answer = await scene.client.receive()
        assert Close.parse(answer.data) == Close(code, MEANING[CloseCode(code)])
        await scene.client.close()
        assert await scene.wait_ended() == code
        assert scene.notes.heard == ["before"]
        assert scene.sample("drops_total", reason=CloseCode(code).name.lower()) == 1


TOO_BIG = {
    "a frame of 4 MB": frame(Opcode.TEXT, bytes(4_000_000)),
    "a binary frame of 4 MB": frame(Opcode.BINARY, bytes(4_000_000)),
    "the head of a frame of 4 EiB": b"\x82\xff" + (1 << 62).to_bytes(8) + b"abcd",
    "fragments": fragments(Opcode.TEXT, *[bytes(1000)] * 100),
}


@pytest.mark.parametrize("data", TOO_BIG.values(), ids=TOO_BIG.keys())
async def test_message_beyond_the_limit_closes_with_1009_early(data: bytes) -> None:
    # On a busy machine TLS takes seconds for so much.
    async with connected(max_frame_bytes=65_536, close_timeout_seconds=60) as scene:
        await scene.client.send(data)
        closing = await scene.client.receive()
        assert Close.parse(closing.data) == Close(1009, MEANING[CloseCode.TOO_BIG])
        await scene.client.close()
        assert await scene.wait_ended() == 1009
        assert scene.notes.heard == []


async def test_offender_that_keeps_sending_receives_the_close_frame() -> None:
    async with connected() as scene:
        await scene.client.send(b"\xff" * 1_000_000)
        assert (await scene.client.receive_close()).code == 1002
        await scene.client.send(b"\xff" * 1_000_000)
        await scene.client.close()
        assert await scene.wait_ended() == 1002


async def test_offender_that_stays_is_dropped(patient_clock: trio.testing.MockClock) -> None:
    async with connected(close_timeout_seconds=5) as scene:
        began = trio.current_time()
        await scene.client.send(b"\xff\xff")
        assert await scene.wait_ended() == 1002
        assert patient_clock.current_time() - began == pytest.approx(5, abs=0.1)


async def test_offender_may_reset() -> None:
    async with connected() as scene:
        await scene.client.send(b"\xff\xff")
        await scene.client.receive()
        await scene.client.reset()
        assert await scene.wait_ended() == 1002


async def test_offender_that_ends_its_side_receives_the_close_frame() -> None:
    may_leave = trio.Event()
    async with connected(notes=Notes(leave_gate=may_leave)) as scene:
        await scene.client.send(frame(Opcode.TEXT, b"\xff"))
        await scene.client.tcp.send_eof()
        await scene.notes.gone.wait()
        await trio.testing.wait_all_tasks_blocked(0.01)
        may_leave.set()
        assert (await scene.client.receive_close()).code == 1007
        assert await scene.wait_ended() == 1007
        assert scene.sample("drops_total", reason="invalid_payload") == 1

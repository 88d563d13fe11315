"""The closing handshake, as the client sees it."""

import pytest
import trio
import trio.testing
from websockets.frames import Close, Opcode

from tests.websocket.scene import SMALL_BUFFERS, Notes, Scene, connected, time_standing_still
from tests.websocket.wire import close, fragments, frame, text, texts
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.encodings import text_frame

pytestmark = pytest.mark.usefixtures("carrier")

HELLO = text_frame(b"hello")


def offer(scene: Scene, *frames: bytes) -> None:
    scene.connection.outbox.offer(frames, b"".join(frames))


async def close_code(scene: Scene) -> int:
    """Answer the close frame, after which nothing follows."""
    closing = await scene.client.receive()
    assert closing.opcode is Opcode.CLOSE
    await scene.client.send(close())
    assert await scene.client.receive_rest() == []
    return Close.parse(closing.data).code


@pytest.mark.parametrize("code", CloseCode)
async def test_client_receives_each_code_and_its_answer_ends_at_once(
    code: CloseCode, patient_clock: trio.testing.MockClock
) -> None:
    async with connected() as scene:
        began = patient_clock.current_time()
        scene.connection.end(code)
        closing = await scene.client.receive()
        assert Close.parse(closing.data) == Close(code, MEANING[code])
        await scene.client.send(close(code if code < 1012 else 1000))
        assert await scene.client.receive_rest() == []
        assert await scene.wait_ended() == code
        assert patient_clock.current_time() == began
        assert scene.sample("drops_total", reason=code.name.lower()) == 1


async def test_explicit_reason_replaces_the_default() -> None:
    async with connected() as scene:
        scene.connection.end(CloseCode.BAD_FIRST_FRAME, "The name is empty")
        closing = await scene.client.receive()
        assert Close.parse(closing.data) == Close(4501, "The name is empty")
        await scene.client.send(close())


async def test_first_end_decides_the_code() -> None:
    async with connected() as scene:
        scene.connection.end(CloseCode.TOO_SLOW)
        scene.connection.end(CloseCode.GOING_AWAY)
        assert await close_code(scene) == 4002
        assert await scene.wait_ended() == 4002
        assert scene.sample("drops_total", reason="going_away") == 0


async def test_client_that_closed_still_receives_queued_frames() -> None:
    async with connected(**SMALL_BUFFERS) as scene:
        offered = await scene.fill()
        scene.connection.end(CloseCode.GOING_AWAY)
        await scene.notes.gone.wait()
        await trio.testing.wait_all_tasks_blocked()
        await scene.client.send(close())
        await trio.testing.wait_all_tasks_blocked(0.01)
        frames = [await scene.client.receive() for _ in range(offered)]
        assert {one.opcode for one in frames} == {Opcode.BINARY}
        assert (await scene.client.receive_close()).code == 1001


async def test_close_frame_waits_behind_a_full_queue(patient_clock: trio.testing.MockClock) -> None:
    async with connected(send_queue=20, close_timeout_seconds=5, **SMALL_BUFFERS) as scene:
        offered = await scene.fill(19)
        offer(scene, HELLO)
        scene.connection.end(CloseCode.GOING_AWAY)
        offer(scene, text_frame(b"too late"))
        await trio.sleep(9)
        with time_standing_still():
            frames = [await scene.client.receive() for _ in range(offered + 1)]
            assert await close_code(scene) == 1001
        assert texts(frames) == ["hello"]
        assert patient_clock.current_time() == 9


async def test_frames_after_the_end_are_ignored() -> None:
    async with connected() as scene:
        scene.connection.end(CloseCode.GOING_AWAY)
        await scene.client.send(
            text("one"), frame(Opcode.BINARY, b"2"), fragments(Opcode.TEXT, b"3", b"4")
        )
        await scene.client.send(frame(Opcode.PING, b"x"), frame(Opcode.PING, b"y"))
        assert await close_code(scene) == 1001
        assert await scene.wait_ended() == 1001
        assert scene.notes.heard == []


async def test_message_that_trio_websocket_returns_after_the_end_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected() as scene:
        rare = scene.connection._open_rare()
        give = rare.give

        def give_and_end(data: bytes) -> None:
            give(data)
            scene.connection.end(CloseCode.GOING_AWAY)

        monkeypatch.setattr(rare, "give", give_and_end)
        await scene.client.send(frame(Opcode.BINARY, b"late"))
        assert await close_code(scene) == 1001
        assert scene.notes.heard == []


@pytest.mark.parametrize("turn", range(20))
async def test_client_receives_one_close_frame_if_both_sides_close(turn: int) -> None:
    async with connected() as scene:
        await scene.client.send(close(3000))
        for _ in range(turn % 5):
            await trio.lowlevel.checkpoint()
        scene.connection.end(CloseCode.GOING_AWAY)
        assert (await scene.client.receive_close()).code in {1001, 3000}
        assert await scene.wait_ended() in {1001, 3000}


async def test_client_that_never_answers_the_close_is_dropped(
    patient_clock: trio.testing.MockClock,
) -> None:
    async with connected(close_timeout_seconds=5) as scene:
        ended_at = trio.current_time()
        scene.connection.end(CloseCode.GOING_AWAY)
        assert (await scene.client.receive_close()).code == 1001
        assert await scene.wait_ended() == 1001
        assert patient_clock.current_time() - ended_at == pytest.approx(5, abs=0.1)


async def test_protocol_violation_while_closing_ends_the_connection() -> None:
    async with connected() as scene:
        scene.connection.end(CloseCode.GOING_AWAY)
        await scene.client.receive()
        await scene.client.send(b"\xff\xff\xff\xff", close(), b"garbage")
        await scene.client.close()
        assert await scene.wait_ended() == 1001


async def test_client_may_vanish_while_closing() -> None:
    async with connected() as scene:
        scene.connection.end(CloseCode.GOING_AWAY)
        await scene.client.reset()
        assert await scene.wait_ended() == 1001


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_client_close_is_answered_with_its_code(code: int) -> None:
    async with connected() as scene:
        await scene.client.send(text("bye"), close(code, b"had enough"))
        assert (await scene.client.receive_close()).code == code
        assert await scene.wait_ended() == code
        assert (scene.notes.heard, scene.notes.codes[0]) == (["bye"], code)
        assert all(scene.sample("drops_total", reason=one.name.lower()) == 0 for one in CloseCode)


async def test_client_close_without_a_code_is_answered_without_one() -> None:
    async with connected() as scene:
        await scene.client.send(close(None))
        (only,) = await scene.client.receive_rest()
        assert (only.opcode, only.data) == (Opcode.CLOSE, b"")
        assert await scene.wait_ended() == 1005


TEXT_1, BINARY_1 = text("1"), frame(Opcode.BINARY, b"1")


@pytest.mark.parametrize("final", [TEXT_1, BINARY_1], ids=["text", "binary"])
async def test_messages_after_the_final_one_in_a_packet_are_ignored(final: bytes) -> None:
    notes = Notes(failure=Disconnect(CloseCode.TOO_MUCH))
    async with connected(notes=notes) as scene:
        await scene.client.send(final, TEXT_1, BINARY_1, TEXT_1)
        assert await close_code(scene) == await scene.wait_ended() == 4005
        assert len(notes.heard) == 1


@pytest.mark.parametrize(
    ("data", "code"), [(close(1000), 1000), (b"\xff\xff", 1002)], ids=["closed", "violation"]
)
async def test_no_frame_follows_the_close_frame(data: bytes, code: int) -> None:
    async with connected(**SMALL_BUFFERS) as scene:
        offered = await scene.fill()
        await scene.client.send(data)
        await scene.notes.gone.wait()
        await trio.testing.wait_all_tasks_blocked()
        offer(scene, HELLO)
        frames = [await scene.client.receive() for _ in range(offered)]
        assert {one.opcode for one in frames} == {Opcode.BINARY}
        assert (await scene.client.receive_close()).code == code


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


async def test_message_beyond_the_limit_closes_with_1009_early() -> None:
    # On a busy machine TLS takes seconds for so much.
    async with connected(max_frame_bytes=65_536, close_timeout_seconds=60) as scene:
        await scene.client.send(frame(Opcode.TEXT, bytes(4_000_000)))
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

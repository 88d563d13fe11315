"""Pings, heartbeats and time limits of a connection."""

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock
from websockets.frames import Close, Frame, Opcode

from tests.websocket.scene import SMALL_BUFFERS, Notes, Scene, connected
from tests.websocket.wire import close, frame, text, texts
from trio_chat.hub.requests import Publish
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.encodings import text_frame
from trio_chat.protocol.messages import TokenEnds
from trio_chat.websocket.frames import PING_FRAME

pytestmark = pytest.mark.usefixtures("carrier")

HELLO = text_frame(b"hello")
NEVER = 1e9

QUIET: dict[str, Any] = {"ping_interval_seconds": NEVER, "heartbeat_interval_seconds": NEVER}
UNHEARD: dict[str, Any] = {"pong_timeout_seconds": NEVER, **QUIET}


async def seconds_until_closed(clock: MockClock, scene: Scene, code: CloseCode) -> float:
    began = clock.current_time()
    closing = await scene.client.receive()
    while closing.opcode is not Opcode.CLOSE:
        closing = await scene.client.receive()
    assert Close.parse(closing.data) == Close(code, MEANING[code])
    seconds = clock.current_time() - began
    await scene.client.send(close())
    assert await scene.wait_ended() == code
    return seconds


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=0.5)


async def test_server_pings_every_30_seconds(patient_clock: MockClock) -> None:
    async with connected() as scene:
        began = patient_clock.current_time()
        for count in (1, 2, 3):
            ping = await scene.client.receive()
            assert ping.opcode is Opcode.PING
            assert patient_clock.current_time() - began == about(30 * count)
            await scene.client.send(frame(Opcode.PONG, bytes(ping.data)))


async def test_any_byte_counts_as_a_sign_of_life(patient_clock: MockClock) -> None:
    async with connected(**QUIET) as scene:
        for byte in text("hi"):
            await trio.sleep(80)
            await scene.client.send(bytes([byte]))
        assert await scene.notes.hear(1) == ["hi"]
        assert await seconds_until_closed(patient_clock, scene, CloseCode.NO_PONG) == about(90)


async def test_expiry_of_a_token_is_announced_once(patient_clock: MockClock) -> None:
    notes = Notes(announced=HELLO)
    async with connected(notes=notes, seconds_to_live=100, **UNHEARD) as scene:
        assert texts([await scene.client.receive()]) == ["hello"]
        assert patient_clock.current_time() == about(70)
        (news,) = notes.news
        assert isinstance(news, TokenEnds)
        assert news.expires_in_ms == pytest.approx(30_000, abs=500)
        assert await seconds_until_closed(patient_clock, scene, CloseCode.TOKEN_ENDED) == about(30)
        assert len(notes.news) == 1


@pytest.mark.parametrize(
    ("first", "then", "announced", "ends"), [(30, 100, 70, 100), (7200, 10, 0, 10)]
)
async def test_new_token_moves_the_expiry_and_its_announcement(
    first: float, then: float, announced: float, ends: float, patient_clock: MockClock
) -> None:
    notes = Notes(announced=HELLO)
    async with connected(notes=notes, seconds_to_live=first, **UNHEARD) as scene:
        if first == 30:
            await scene.client.receive()  # the announcement for the first token
        scene.connection.live_for(then)
        await scene.client.receive()
        assert patient_clock.current_time() == about(announced)
        seconds = await seconds_until_closed(patient_clock, scene, CloseCode.TOKEN_ENDED)
        assert seconds == about(ends - announced)


async def test_expiry_is_announced_once_the_client_has_entered(patient_clock: MockClock) -> None:
    notes = Notes(announced=HELLO, has_begun=False)
    async with connected(notes=notes, seconds_to_live=33, **UNHEARD) as scene:
        await trio.sleep(5)
        notes.has_begun = True
        await scene.client.receive()
        assert patient_clock.current_time() == about(5)
        assert len(notes.news) == 1


def ending(scene: Scene) -> CloseCode | None:
    end = scene.connection._ending
    return None if end is None else end.code


@pytest.mark.parametrize(
    "sent",
    [[text("two")], [text("two") + text("three"), text("four")]],
    ids=["one that is paused", "one that has more in hand"],
)
async def test_silence_does_not_count_while_the_hub_is_behind(sent: list[bytes]) -> None:
    notes = Notes(asks=Publish(object(), "general", "hi"))  # type: ignore[arg-type]
    async with connected(notes=notes, ping_interval_seconds=300) as scene:
        scene.hub.may_take = trio.Event()
        await scene.client.send(text("one"))
        await scene.notes.hear(1)  # in the turn that waits now
        await scene.client.send(*sent)
        await scene.notes.hear(2)
        later = trio.current_time() + 1000
        scene.connection._on_time(later)
        assert ending(scene) is None
        scene.hub.may_take.set()
        await scene.notes.hear(1 + len(sent[0]) // len(text("two")))
        await trio.testing.wait_all_tasks_blocked(0.01)
        scene.connection._on_time(later + 1000)
        assert ending(scene) == CloseCode.NO_PONG


async def test_slow_conversation_does_not_stop_the_pong_timeout(patient_clock: MockClock) -> None:
    async with connected(notes=Notes(gate=trio.Event()), **QUIET) as scene:
        await scene.client.send(text("one"))
        await scene.notes.hear(1)
        began = patient_clock.current_time()
        await scene.notes.gone.wait()
        assert patient_clock.current_time() - began == about(90)


async def test_server_sends_a_heartbeat_every_60_seconds(patient_clock: MockClock) -> None:
    async with connected(
        notes=Notes(beat=text_frame(b"tick")), pong_timeout_seconds=NEVER
    ) as scene:
        began = patient_clock.current_time()
        frames: list[Frame] = []
        while len(texts(frames)) < 3:
            frames.append(await scene.client.receive())
        assert texts(frames) == ["tick"] * 3
        assert patient_clock.current_time() - began == about(180)


async def test_heartbeat_and_ping_due_together_are_sent_together(
    patient_clock: MockClock,  # noqa: ARG001
) -> None:
    async with connected(
        notes=Notes(beat=text_frame(b"tick")),
        ping_interval_seconds=30,
        heartbeat_interval_seconds=30,
        pong_timeout_seconds=NEVER,
    ) as scene:
        assert await scene.client.stream.receive_some(100) == PING_FRAME + text_frame(b"tick")


async def test_pings_and_pongs_are_no_first_message(patient_clock: MockClock) -> None:
    async with connected(notes=Notes(has_begun=False)) as scene:
        await trio.sleep(6)
        await scene.client.send(frame(Opcode.PING, b""), frame(Opcode.PONG, b""))
        assert await seconds_until_closed(patient_clock, scene, CloseCode.NO_FIRST_FRAME) == about(
            4
        )


# --- writing -------------------------------------------------------------------------------------


async def test_dropped_client_leaves_at_once_and_is_reset_later(patient_clock: MockClock) -> None:
    async with connected(send_queue=20, **SMALL_BUFFERS) as scene:
        await scene.fill()
        began = patient_clock.current_time()
        scene.connection.outbox.offer([HELLO], HELLO)
        await scene.notes.gone.wait()
        assert patient_clock.current_time() == began
        assert await scene.wait_ended() == CloseCode.TOO_SLOW
        assert patient_clock.current_time() - began == about(10)
        with pytest.raises(trio.BrokenResourceError):
            await scene.client.receive_rest()


async def test_dropped_client_that_reads_again_receives_the_close_frame() -> None:
    async with connected(send_queue=100, **SMALL_BUFFERS) as scene:
        offered = await scene.fill(100)
        scene.connection.outbox.offer([HELLO], HELLO)
        *frames, closing = [await scene.client.receive()]
        while closing.opcode is not Opcode.CLOSE:
            frames.append(closing)
            closing = await scene.client.receive()
        assert Close.parse(closing.data).code == CloseCode.TOO_SLOW
        assert {one.opcode for one in frames} == {Opcode.BINARY}
        assert len(frames) < offered
        await scene.client.send(close())
        assert await scene.client.receive_rest() == []
        assert await scene.wait_ended() == CloseCode.TOO_SLOW


@pytest.mark.parametrize(
    ("has_begun", "settings", "code", "seconds"),
    [
        (True, {}, CloseCode.NO_PONG, 90),
        (True, {**QUIET, "pong_timeout_seconds": 7}, CloseCode.NO_PONG, 7),
        (True, {**QUIET, "hello_timeout_seconds": 1}, CloseCode.NO_PONG, 90),
        (False, {}, CloseCode.NO_FIRST_FRAME, 10),
        (True, {**UNHEARD, "seconds_to_live": 7200}, CloseCode.TOKEN_ENDED, 7200),
        (True, {**QUIET, "seconds_to_live": -5}, CloseCode.TOKEN_ENDED, 0),
        (False, {**QUIET, "seconds_to_live": 3}, CloseCode.TOKEN_ENDED, 3),
    ],
)
async def test_each_time_limit_closes_with_its_code(
    has_begun: bool,  # noqa: FBT001 - a row of the table
    settings: dict[str, Any],
    code: CloseCode,
    seconds: float,
    patient_clock: MockClock,
) -> None:
    async with connected(notes=Notes(has_begun=has_begun), **settings) as scene:
        assert await seconds_until_closed(patient_clock, scene, code) == about(seconds)
        assert scene.sample("drops_total", reason=code.name.lower()) == 1


FRAGMENT = frame(Opcode.CONT, b"", fin=False)


@pytest.mark.parametrize(
    "frames",
    [[frame(opcode, b"")] * 51 for opcode in (Opcode.TEXT, Opcode.PING, Opcode.PONG)]
    + [[text("x") * 51], [frame(Opcode.TEXT, b"", fin=False), FRAGMENT * 50]],
    ids=["texts", "pings", "pongs", "one packet", "fragments"],
)
async def test_more_frames_than_the_burst_close_with_4005(
    frames: list[bytes], patient_clock: MockClock
) -> None:
    async with connected(frame_rate=1, frame_burst=50) as scene:
        await scene.client.send(*frames[:-1])
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not scene.notes.left
        await scene.client.send(frames[-1])
        await seconds_until_closed(patient_clock, scene, CloseCode.TOO_MUCH)
        assert len(scene.notes.heard) < 51

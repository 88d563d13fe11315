"""A connection on a real socket, with random frames and a close at any time."""

import itertools
from collections.abc import Sequence
from contextlib import suppress

import trio
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.fuzz.client_frames import DataFrame, anything, messages, packets
from tests.support.frames import PING, TEXT, frame
from tests.websocket.scene import Notes, Scene, connected
from trio_chat.websocket.connection import ABNORMAL

OFFENCES = {1002, 1007, 1009}


async def read_all(scene: Scene, frames: list[Frame]) -> None:
    """Receive all frames of the server, until the end or a reset."""
    with suppress(trio.BrokenResourceError):
        frames += await scene.client.receive_rest()


async def send(scene: Scene, parts: Sequence[bytes]) -> list[Frame]:
    """Send the packets one by one and the end of the stream; return all answers."""
    frames: list[Frame] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_all, scene, frames)
        with suppress(trio.BrokenResourceError):
            for part in parts:
                await scene.client.send(part)
                await trio.lowlevel.checkpoint()
            await scene.client.stream.send_eof()
    await scene.wait_ended()
    return frames


def check_close(scene: Scene, frames: Sequence[Frame]) -> None:
    """Check that at most one close frame came, as the last frame."""
    closes = [one for one in frames if one.opcode is Opcode.CLOSE]
    assert len(closes) <= 1
    if closes:
        assert frames[-1] is closes[0]
    if scene.code in OFFENCES:
        assert closes or not frames
    assert scene.notes.left >= 1


class SlowNotes(Notes):
    """Let other tasks run before some messages are handled: a cycle of true and false."""

    def __init__(self, waits: Sequence[bool] = (True,)) -> None:
        super().__init__()
        self._waits = itertools.cycle(waits)

    def take(self, text: str, now: float) -> None:
        super().take(text, now)
        if next(self._waits):
            assert self.connection is not None
            self.connection.wait_for(trio.lowlevel.checkpoint)


WAITS = st.lists(st.booleans(), min_size=1, max_size=5)


@given(st.data())
def test_any_frames_end_with_at_most_one_close_frame(data: st.DataObject) -> None:
    sent = b"".join(data.draw(anything()))
    parts = data.draw(packets(sent))
    waits = data.draw(WAITS)

    async def talk() -> None:
        notes = SlowNotes(waits)
        async with connected(notes=notes, max_frame_bytes=65535) as scene:
            check_close(scene, await send(scene, parts))

    trio.run(talk)


def whole(message: Sequence[DataFrame]) -> str | bytes:
    payload = b"".join(part.payload for part in message)
    return payload.decode() if message[0].opcode == TEXT else payload


def is_valid(message: Sequence[DataFrame]) -> bool:
    """Whether a message is within the limit and, as a text, UTF-8."""
    payload = b"".join(part.payload for part in message)
    try:
        whole(message)
    except UnicodeDecodeError:
        return False
    return len(payload) <= 65535


@given(st.data())
def test_all_messages_arrive_in_order(data: st.DataObject) -> None:
    sent = data.draw(st.lists(messages().filter(is_valid), max_size=6))
    frames = [part.data for message in sent for part in message]
    pings = data.draw(st.lists(st.integers(0, len(frames)), max_size=3).map(sorted))
    payloads = [b"%d" % number for number in range(len(pings))]
    for place, payload in reversed(list(zip(pings, payloads, strict=True))):
        frames.insert(place, frame(PING, payload))
    # Cut anywhere, or frame by frame, as clients send.
    parts = data.draw(st.one_of(packets(b"".join(frames)), st.just(frames)))
    waits = data.draw(WAITS)

    async def talk() -> None:
        notes = SlowNotes(waits)
        async with connected(notes=notes, max_frame_bytes=65535) as scene:
            answers = await send(scene, parts)
            assert scene.notes.heard == [whole(message) for message in sent]
            assert [(one.opcode, one.data) for one in answers] == [
                (Opcode.PONG, payload) for payload in payloads
            ]
            assert scene.code == ABNORMAL

    trio.run(talk)

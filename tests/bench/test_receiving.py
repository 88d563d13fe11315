from tests.bench.peers.framing import text_frame
from tests.bench.receiving import Unframed

MESSAGES = b"\n".join([b"first", b"x" * 300, b"@all|last"])
FRAMES = text_frame(MESSAGES[:100]) + text_frame(MESSAGES[100:311]) + text_frame(MESSAGES[311:])
"""A mark that two frames share."""


def unframed(*parts: bytes) -> bytes:
    waiting = [*parts, b""]
    receive = Unframed(lambda _: waiting.pop(0))
    joined = b""
    while True:
        try:
            fresh = receive(1 << 16)
        except BlockingIOError:
            continue
        if not fresh:
            return joined
        joined += fresh


def test_payloads_are_joined_wherever_a_read_cuts_them() -> None:
    joined = {unframed(FRAMES[:cut], FRAMES[cut:]) for cut in range(1, len(FRAMES))}
    assert joined == {MESSAGES}


def test_a_long_frame_is_joined() -> None:
    long = b"y" * 70_000
    frame = b"\x81\x7f" + len(long).to_bytes(8, "big") + long
    assert unframed(frame[:5], frame[5:]) == long

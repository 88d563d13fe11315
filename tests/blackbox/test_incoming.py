import pytest

from tests.support.frames import TEXT, frame
from tests.support.incoming import Incoming

RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
FRAMES = b"".join(frame(TEXT, payload, mask=None) for payload in (b"one", b"two" * 100, b""))


@pytest.mark.parametrize("size", [1, 7, len(RESPONSE) + 3, 10_000])
def test_a_response_and_later_frames_parse_at_any_read_size(size: int) -> None:
    incoming = Incoming()
    data = RESPONSE + FRAMES
    responses: list[int] = []
    payloads: list[bytes] = []
    for begin in range(0, len(data), size):
        incoming.feed(data[begin : begin + size])
        if not responses and (response := incoming.response()) is not None:
            responses.append(response.status)
        if responses:
            payloads += [taken.payload for taken in incoming.frames()]
    assert (responses, payloads) == ([101], [b"one", b"two" * 100, b""])


def test_each_parse_begins_where_the_last_one_ended() -> None:
    incoming = Incoming()
    incoming.feed(FRAMES[:-1])
    assert next(incoming.frames()).payload == b"one"
    assert next(incoming.frames()).payload == b"two" * 100
    assert incoming.frame() is None
    incoming.feed(FRAMES[-1:])
    assert incoming.frame() is not None
    assert bytes(incoming) == b""

"""For any bytes the front returns valid HTTP, an upgrade or a silent end."""

from itertools import pairwise
from pathlib import Path

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.http.wire import Scene, Talk, get, talk, upgrade_request

REQUESTS = (
    get(b"/"),
    get(b"/static/chat.js"),
    get(b"/readyz", b"Connection: keep-alive"),
    get(b"/ws"),
    get(b"/nothing"),
    get(b"/", method=b"PUT"),
    get(b"/", b"Content-Length: 5") + b"hello",
    upgrade_request(),
    upgrade_request(b"/ws/echo", b"Origin: http://evil.test"),
    b"\r\n",
)
BREAKAGES = [b"", b"\r", b"\n", b"\r\n\r\n", b"\x00", b"\xff", *b" : , %".split(), b"\r\n "]


@st.composite
def broken_requests(draw: st.DrawFn) -> bytes:
    """Return requests with bytes inserted or removed anywhere."""
    data = b"".join(draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        lost = draw(st.integers(0, 3))
        breakage = draw(st.sampled_from([*BREAKAGES, b" ", b"a" * 9000]))
        data = data[:place] + breakage + data[place + lost :]
    return data


def send(pages: Path, *pieces: bytes) -> Talk:
    clock = trio.testing.MockClock(autojump_threshold=0)
    result = trio.run(talk, Scene(pages).front(), *pieces, clock=clock)
    for reply in result.replies():
        assert 200 <= reply.status < 600
        assert reply.headers[b"x-content-type-options"] == b"nosniff"
        if reply.status >= 400:
            assert reply.body.startswith(b'{"error":{"code":"')
    return result


@given(data=st.binary(max_size=300))
def test_any_bytes_get_a_valid_answer_or_none(pages_folder: Path, data: bytes) -> None:
    send(pages_folder, data)


@given(data=broken_requests(), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_packets_do_not_change_the_answers_to_broken_requests(
    pages_folder: Path, data: bytes, cuts: list[int]
) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    whole = send(pages_folder, data)
    cut = send(pages_folder, *(data[start:end] for start, end in pairwise(edges)))
    assert cut.raw == whole.raw
    assert _upgraded(cut) == _upgraded(whole)


def _upgraded(result: Talk) -> tuple[bytes, bytes] | None:
    """Return the answer and all bytes after the head, whether buffered or unread."""
    if result.upgrade is None:
        return None
    return result.upgrade.answer, result.upgrade.trailing + result.unread

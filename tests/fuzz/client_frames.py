"""Frames of a client, well-formed or not, cut into packets anywhere."""

from collections.abc import Sequence
from itertools import pairwise

from attrs import frozen
from hypothesis import strategies as st

from tests.support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame

MASKS = st.binary(min_size=4, max_size=4)

UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.encode)
NO_UTF8 = st.sampled_from([b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"])
# Around the sizes at which the format of the length changes.
EDGES = st.sampled_from([0, 125, 126, 127, 65535, 65536]).map(lambda size: b"a" * size)
PAYLOADS = UTF8 | st.binary(max_size=20) | NO_UTF8 | EDGES

CONTROLS = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125), mask=MASKS)
CLOSES = st.builds(
    close, st.sampled_from([None, 1000, 1001, 1005, 1006, 999, 2999, 3000, 4999, 5000]), PAYLOADS
).filter(lambda data: len(data) <= 131)

MALFORMED = st.builds(
    frame,
    st.integers(0, 15),
    PAYLOADS,
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 1, 2, 4]),
    mask=st.none() | MASKS,
)
STRANGE_LENGTHS = st.builds(
    frame,
    st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING]),
    st.binary(max_size=10),
    length_bytes=st.sampled_from([2, 8]),
    mask=MASKS,
) | st.builds(frame, st.just(TEXT), claimed=st.sampled_from([1 << 63, (1 << 64) - 1]))


@frozen
class DataFrame:
    """A well-formed frame of a message."""

    opcode: int
    payload: bytes
    fin: bool
    mask: bytes

    @property
    def data(self) -> bytes:
        return frame(self.opcode, self.payload, fin=self.fin, mask=self.mask)


@st.composite
def messages(draw: st.DrawFn) -> list[DataFrame]:
    """One message, text or binary, whole or in fragments that may cut a character."""
    payload = draw(PAYLOADS)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    edges = [0, *cuts, len(payload)]
    first = draw(st.sampled_from([TEXT, TEXT, BINARY]))
    return [
        DataFrame(
            CONTINUATION if index else first,
            payload[begin:end],
            fin=index == len(cuts),
            mask=draw(MASKS),
        )
        for index, (begin, end) in enumerate(pairwise(edges))
    ]


@st.composite
def well_formed(draw: st.DrawFn) -> list[bytes]:
    """Whole frames: messages, with control frames before, between and within them."""
    frames: list[bytes] = []
    for message in draw(st.lists(messages(), max_size=5)):
        for part in message:
            frames.extend(draw(st.lists(CONTROLS, max_size=1)))
            frames.append(part.data)
    return frames


@st.composite
def anything(draw: st.DrawFn) -> list[bytes]:
    """Whole frames; some may be invalid, or close frames, at any place."""
    frames = draw(well_formed())
    for invalid in draw(st.lists(MALFORMED | STRANGE_LENGTHS | CLOSES, max_size=2)):
        frames.insert(draw(st.integers(0, len(frames))), invalid)
    return frames


@st.composite
def packets(draw: st.DrawFn, data: bytes) -> Sequence[bytes]:
    """Cut bytes anywhere, often near the beginning."""
    places = st.integers(0, len(data)) | st.integers(0, min(20, len(data)))
    edges = sorted({0, len(data), *draw(st.lists(places, max_size=8))})
    return [data[begin:end] for begin, end in pairwise(edges)]

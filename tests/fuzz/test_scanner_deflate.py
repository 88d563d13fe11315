"""Deflated frames give the same result as the same frames inflated."""

import zlib
from itertools import pairwise

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.client_frames import (
    CLOSES,
    CONTROLS,
    MALFORMED,
    MASKS,
    PAYLOADS,
    STRANGE_LENGTHS,
    packets,
)
from tests.stress.fuzz.library import alone, behind_scanner
from tests.support.frames import BINARY, CONTINUATION, RSV1, TEXT, frame
from trio_chat.websocket.frames import FrameScanner

LIMIT = 1 << 40
TAIL = b"\x00\x00\xff\xff"

BEGINS_DEFLATED = frozenset({TEXT, BINARY})


@frozen
class Twins:
    """The same frame with compression, and without."""

    deflated: bytes
    plain: bytes


def _same(data: bytes) -> Twins:
    return Twins(data, data)


@st.composite
def messages(draw: st.DrawFn) -> list[Twins]:
    """A deflated message, and the same fragments inflated."""
    payload = draw(PAYLOADS) * draw(st.sampled_from([1, 1, 30]))
    compressor = zlib.compressobj(draw(st.integers(0, 9)), wbits=-draw(st.integers(9, 15)))
    flush = draw(st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
    deflated = compressor.compress(payload) + compressor.flush(flush)
    deflated = deflated.removesuffix(TAIL)
    places = sorted(draw(st.lists(st.integers(0, len(deflated)), max_size=3)))
    inflater = zlib.decompressobj(-15)
    opcode = draw(st.sampled_from([TEXT, TEXT, BINARY]))
    twins: list[Twins] = []
    for begin, end in pairwise([0, *places, len(deflated)]):
        fin = len(twins) == len(places)
        rsv = 0 if twins else RSV1
        kind = CONTINUATION if twins else opcode
        mask = draw(MASKS)
        inflated = inflater.decompress(deflated[begin:end] + (TAIL if fin else b""))
        twins.append(
            Twins(
                frame(kind, deflated[begin:end], fin=fin, rsv=rsv, mask=mask),
                frame(kind, inflated, fin=fin, mask=mask),
            )
        )
    return twins


@st.composite
def plain_messages(draw: st.DrawFn) -> list[Twins]:
    return [_same(frame(draw(st.sampled_from([TEXT, BINARY])), draw(PAYLOADS), mask=draw(MASKS)))]


def _is_deflated(data: bytes) -> bool:
    return data[0] >> 4 & 7 == RSV1 and data[0] & 0xF in BEGINS_DEFLATED


INVALID = (MALFORMED | STRANGE_LENGTHS | CLOSES).filter(lambda data: not _is_deflated(data))


@st.composite
def anything(draw: st.DrawFn) -> list[Twins]:
    """Messages, control frames between and within them, and invalid frames at any place."""
    twins: list[Twins] = []
    for message in draw(st.lists(messages() | plain_messages(), max_size=4)):
        for part in message:
            twins.extend(map(_same, draw(st.lists(CONTROLS, max_size=1))))
            twins.append(part)
    for invalid in draw(st.lists(INVALID, max_size=2)):
        twins.insert(draw(st.integers(0, len(twins))), _same(invalid))
    return twins


@given(twins=anything(), data=st.data())
def test_deflated_frames_equal_inflated_frames(twins: list[Twins], data: st.DataObject) -> None:
    parts = data.draw(packets(b"".join(twin.deflated for twin in twins)))
    ours = behind_scanner(FrameScanner(LIMIT, takes_deflated=True), parts)
    assert ours == alone([b"".join(twin.plain for twin in twins)])

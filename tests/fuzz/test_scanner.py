"""The scanner before wsproto gives the same result as wsproto alone."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import CloseReason

from tests.fuzz.client_frames import CLOSES, DataFrame, anything, messages, packets, well_formed
from tests.stress.fuzz.library import alone, behind_scanner
from tests.support.frames import MASK, close, frame
from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.websocket.frames import FrameScanner, Item, PassOn

NO_LIMIT = 1 << 64


@given(frames=anything(), data=st.data())
def test_scanner_agrees_with_wsproto_on_frames(frames: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(frames)
    assert behind_scanner(FrameScanner(NO_LIMIT), data.draw(packets(whole))) == alone([whole])


@given(frames=anything(), junk=st.binary(max_size=40), data=st.data())
def test_scanner_agrees_with_wsproto_on_any_bytes(
    frames: list[bytes], junk: bytes, data: st.DataObject
) -> None:
    sound = b"".join(frames)
    place = data.draw(st.integers(0, len(sound)))
    whole = sound[:place] + junk + sound[place + data.draw(st.integers(0, 5)) :]
    parts = data.draw(packets(whole))
    theirs = alone([whole])
    if theirs[-1:] == [("refused", CloseReason.PROTOCOL_ERROR)]:
        # wsproto checks a length before the masking key arrives, the scanner with it.
        parts = [*parts, MASK]
    ours = behind_scanner(FrameScanner(NO_LIMIT), parts)
    # wsproto also checks text before its frame is whole.
    early = ("refused", CloseReason.INVALID_FRAME_PAYLOAD_DATA)
    assert theirs in (ours, [*ours, early])


def scan(scanner: FrameScanner, parts: Sequence[bytes]) -> list[Item]:
    return [item for part in parts for item in scanner.receive(part)]


def over_limit(sent: list[list[DataFrame]], limit: int) -> tuple[int, int] | None:
    """Return the first frame that exceeds the limit: the numbers of its message and frame."""
    for number, message in enumerate(sent):
        size = empty = 0
        for place, part in enumerate(message):
            if size + len(part.payload) > limit or empty > limit:
                return number, place
            size += len(part.payload)
            empty += not part.payload
    return None


@given(sent=st.lists(messages(), max_size=5), limit=st.integers(0, 30), data=st.data())
def test_message_is_refused_at_the_first_frame_beyond_the_limit(
    sent: list[list[DataFrame]], limit: int, data: st.DataObject
) -> None:
    over = over_limit(sent, limit)
    frames = [
        part.data
        for number, message in enumerate(sent)
        for place, part in enumerate(message)
        if over is None or (number, place) < over
    ]
    before = scan(FrameScanner(NO_LIMIT), frames)
    if not any(isinstance(item, Disconnect) for item in before) and over is not None:
        part = sent[over[0]][over[1]]
        head = part.data[: len(part.data) - len(part.payload)]
        scanner = FrameScanner(limit)
        *items, last = scan(scanner, data.draw(packets(b"".join(frames) + head)))
        assert items == before
        assert isinstance(last, Disconnect)
        assert last.code is CloseCode.TOO_BIG
        assert scanner.receive(part.payload + frame(0x9) + close()) == [PassOn(close(), 0)]
    elif over is None:
        items = scan(FrameScanner(limit), data.draw(packets(b"".join(frames))))
        assert list(map(repr, items)) == list(map(repr, before))


@given(frames=well_formed(), closes=st.lists(CLOSES, max_size=2), data=st.data())
def test_closing_scanner_returns_only_close_frames(
    frames: list[bytes], closes: list[bytes], data: st.DataObject
) -> None:
    for extra in closes:
        frames.insert(data.draw(st.integers(0, len(frames))), extra)
    parts = data.draw(packets(b"".join(frames)))
    begun = data.draw(st.integers(0, len(parts)))
    open_scanner, scanner = FrameScanner(NO_LIMIT), FrameScanner(NO_LIMIT)
    before = scan(open_scanner, parts[:begun])
    assert list(map(repr, scan(scanner, parts[:begun]))) == list(map(repr, before))
    scanner.begin_closing()
    after = scan(scanner, parts[begun:])
    assert after == [
        item
        for item in scan(open_scanner, parts[begun:])
        if isinstance(item, PassOn) and item.is_close
    ]


@given(frames=well_formed(), limit=st.just(NO_LIMIT) | st.integers(0, 130), data=st.data())
def test_every_frame_is_counted_once(frames: list[bytes], limit: int, data: st.DataObject) -> None:
    parts = data.draw(packets(b"".join(frames)))
    scanner = FrameScanner(limit)
    begun = data.draw(st.integers(0, len(parts)))
    scan(scanner, parts[:begun])
    if data.draw(st.booleans()):
        scanner.begin_closing()
    scan(scanner, parts[begun:])
    assert scanner.frames == len(frames)


@given(
    parts=st.lists(st.binary(max_size=60), max_size=6),
    limit=st.integers(0, 50),
    takes_deflated=st.booleans(),
)
def test_scanner_never_fails(*, parts: list[bytes], limit: int, takes_deflated: bool) -> None:
    for item in scan(FrameScanner(limit, takes_deflated=takes_deflated), parts):
        assert isinstance(item, str | PassOn | Disconnect)

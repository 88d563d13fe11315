"""The fuzzing targets: functions of any bytes that raise on a fault.

The first bytes of an input say where to cut the rest into packets. `tests.stress.fuzz.guided`
chooses inputs by coverage, `test_targets` at random.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise

from wsproto.frame_protocol import CloseReason

from tests.stress.fuzz.decoded import check_decoded
from tests.stress.fuzz.library import alone, behind_scanner, scanned
from tests.support.frames import MASK
from trio_chat.errors import CommandError, Disconnect
from trio_chat.http import upgrade
from trio_chat.http.access import find_token
from trio_chat.http.request import HeadBuffer, Request, parse
from trio_chat.protocol.commands import Command
from trio_chat.protocol.decode import decode
from trio_chat.protocol.handshake import Refusal
from trio_chat.protocol.session import Session
from trio_chat.settings import Settings
from trio_chat.websocket.frames import FrameScanner, Item

NO_LIMIT = 1 << 64
SMALL_LIMIT = 100

SOCKET_PATHS = {"/ws", "/ws/echo"}

Target = Callable[[bytes], None]


def packets(data: bytes) -> tuple[bytes, list[bytes]]:
    """Remove the cuts from the front of an input; return the rest, whole and in packets."""
    count = data[0] % 4 if data else 0
    places, whole = data[1 : 1 + 2 * count], data[1 + 2 * count :]
    cuts = {int.from_bytes(places[at : at + 2]) % (len(whole) + 1) for at in range(0, 2 * count, 2)}
    return whole, [whole[begin:end] for begin, end in pairwise(sorted({0, *cuts, len(whole)}))]


def frames(data: bytes) -> None:
    """Check that the scanner before wsproto changes no outcome."""
    whole, parts = packets(data)
    theirs = alone([whole])
    if theirs[-1:] == [("refused", CloseReason.PROTOCOL_ERROR)]:
        # wsproto checks a length before the masking key has arrived, the scanner after that.
        parts = [*parts, MASK]
    ours = behind_scanner(FrameScanner(NO_LIMIT), parts)
    # wsproto checks text before its frame is whole, the scanner after that.
    early = ("refused", CloseReason.INVALID_FRAME_PAYLOAD_DATA)
    assert theirs in (ours, [*ours, early]), (theirs, ours)


def limited_frames(data: bytes) -> None:
    """Check that packets change no outcome, with compression and a low limit."""
    whole, parts = packets(data)
    assert _scanned(parts) == _scanned([whole])


def _scanned(parts: Sequence[bytes]) -> tuple[list[object], int]:
    """Return all outcomes; bytes for the library to refuse may come in any pieces."""
    scanner = FrameScanner(SMALL_LIMIT, takes_deflated=True)
    items: list[Item] = []
    for part in parts:
        items.extend(scanned(scanner, part))
        if scanner._surrendered:
            break
        if items and isinstance(items[-1], Disconnect):
            scanner.begin_closing()
    ended: list[object] = [str(each) if isinstance(each, Disconnect) else each for each in items]
    if scanner._surrendered and items and not scanner._closing:
        ended.pop()
    return ended, scanner.frames


def heads(data: bytes) -> None:
    """Check that packets change nothing for a head, and that a valid upgrade has an answer."""
    whole, parts = packets(data)
    head = _first_head([whole])
    assert _first_head(parts) == head
    request = parse(head) if isinstance(head, bytes) else head
    # `HttpFront` passes on upgrades of these paths only.
    if not isinstance(request, Request) or request.path not in SOCKET_PATHS:
        return
    if upgrade.fault_of(request) is None:
        token = find_token(request)
        assert token is None or isinstance(token, str | Refusal)
        upgrade.deflate_for(request)
        assert upgrade.answer_for(request).startswith(b"HTTP/1.1 101 ")


def _first_head(parts: Sequence[bytes]) -> bytes | Refusal | None:
    buffer = HeadBuffer()
    for part in parts:
        buffer.feed(part)
        if (head := buffer.take()) is not None:
            return head
    return None


def commands(data: bytes) -> None:
    """Check that any bytes and any text are a command or a `CommandError`."""
    for text in (data, data.decode(errors="surrogatepass" if _has_surrogates(data) else "replace")):
        _decode(text)
    session = Session(Settings(max_rooms=3))
    for line in data.decode(errors="replace").split("\n"):
        with suppress(CommandError):
            session.receive(line)


def _has_surrogates(data: bytes) -> bool:
    try:
        data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _decode(text: str | bytes) -> None:
    check_decoded(_outcome(text))


def _outcome(text: str | bytes) -> Command | CommandError:
    try:
        return decode(text)
    except CommandError as error:
        return error


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (frames, limited_frames, heads, commands)
}

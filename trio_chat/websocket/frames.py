"""The bytes of WebSocket frames (RFC 6455 section 5): server frames out, client frames in.

Frames of a server are not masked, so one and the same bytes go to every member of a room. Client
frames pass a `FrameScanner`: it takes whole, unfragmented text messages out on a short path and
hands everything else on to the WebSocket library, which stays the judge of what is well-formed.
Compression (RFC 7692) is undone on the way, so that the library never sees any; the rest it gets
untouched. Every limit is enforced from a frame's header, before its payload is buffered, and once
more while a payload is inflated.
"""

import struct
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import MEANING, CloseCode
from trio_chat.protocol.deflate import Inflater
from trio_chat.protocol.encodings import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATED,
    FIN,
    MASKED,
    MAX_CONTROL_BYTES,
    MAX_SHORT,
    OPCODE,
    PING,
    PONG,
    RESERVED,
    SHORT,
    TEXT,
    server_frame,
)

_FINAL_TEXT: Final = FIN | TEXT
_FINAL_DEFLATED_TEXT: Final = FIN | DEFLATED | TEXT
_SHORT_TEXTS: Final = {
    False: frozenset({_FINAL_TEXT}),
    True: frozenset({_FINAL_TEXT, _FINAL_DEFLATED_TEXT}),
}
"""The first byte of a whole text message, by whether compression has been agreed."""
_BEGIN_DEFLATED: Final = frozenset({DEFLATED | TEXT, DEFLATED | BINARY})
"""How a deflated message may begin: later frames of it and control frames don't say so."""
_OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

_MAX_INFLATED_AT_ONCE: Final = 256  # 64 of those fit into one turn of the hub
# In one `receive`. 16 KiB from a socket may hold 190 messages that inflate to 64 KiB each: 34 ms of
# everybody's time, and 12 MB that wait for as long as the client takes nothing.
_ENOUGH_INFLATED: Final = 64 * 1024
_SHORTEST_HEAD: Final = 6  # two bytes, and four of masking key

_WORDS: Final = MAX_CONTROL_BYTES // 4 + 1
_ONES: Final = int.from_bytes(b"\1\0\0\0" * _WORDS, "little")
"""What a masking key is multiplied by, to cover the longest short payload."""


def close_frame(code: CloseCode, reason: str = "") -> bytes:
    """A close frame with its code and at most 123 bytes of reason, cut at a whole character."""
    text = (reason or MEANING[code]).encode()[: MAX_CONTROL_BYTES - 2]
    return server_frame(CLOSE, struct.pack("!H", code) + text.decode(errors="ignore").encode())


PING_FRAME: Final = server_frame(PING, b"")


def client_frame(first: int, payload: bytes) -> bytes:
    """A frame as a client sends it, for the WebSocket library; a mask of zeros changes nothing.

    Args:
        first: The first byte: opcode and flags.
        payload: What is in it.
    """
    frame = server_frame(0, payload)
    head_bytes = len(frame) - len(payload)
    return bytes((first, MASKED | frame[1])) + frame[2:head_bytes] + bytes(4) + payload


def unmask(payload: bytes | bytearray, key: bytes | bytearray) -> bytes:
    """Undo the masking of a client frame (RFC 6455 section 5.3): one exclusive or of integers."""
    size = len(payload)
    mask = (bytes(key) * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return mixed.to_bytes(size, "little")


@frozen
class PassOn:
    """Bytes for the WebSocket library: whole frames, or whatever it is to refuse.

    Attributes:
        data: The bytes, untouched but for compression.
        messages: How many data messages end in them, and so will come out of the library.
    """

    data: bytes
    messages: int

    @property
    def is_close(self) -> bool:
        """Whether this is a close frame."""
        return self.data[0] == FIN | CLOSE


Item = str | PassOn | Disconnect
"""What a scanner finds: a text message, bytes to hand on, or the end of the connection."""


def _read_head(data: bytes | bytearray, position: int, end: int) -> tuple[int, int] | None:
    """Where the payload of a masked frame begins, and its size; None if the head is not whole."""
    size = data[position + 1] & ~MASKED
    start = position + _SHORTEST_HEAD
    if size >= SHORT:
        extension = 2 if size == SHORT else 8
        start += extension
        size = int.from_bytes(data[position + 2 : position + 2 + extension], "big")
    return None if end < start else (start, size)


def _is_shortest_form(size: int, head_bytes: int) -> bool:
    """Whether a length is written as it must be: in the fewest bytes, and below 2^63."""
    extension = 0 if size <= MAX_CONTROL_BYTES else 2 if size <= MAX_SHORT else 8
    return head_bytes == _SHORTEST_HEAD + extension and not size >> 63


class FrameScanner:
    """Finds the frames in what one client sends. Sans-IO: bytes in, items out, in order.

    Args:
        max_message_bytes: The most payload of one message, all its fragments together, and once
            more after inflating.
        takes_deflated: Whether permessage-deflate has been agreed.
    """

    __slots__ = (
        "_buffer",
        "_closing",
        "_empty_fragments",
        "_fragments_bytes",
        "_in_fragments",
        "_inflated",
        "_inflater",
        "_max_message_bytes",
        "_most_short_bytes",
        "_short_texts",
        "_skip",
        "_surrendered",
        "_takes_deflated",
        "frames",
        "has_more",
    )

    def __init__(self, max_message_bytes: int, *, takes_deflated: bool = False) -> None:
        self.frames = 0
        """How many whole frames have come so far, of any kind; a refused one counts at its head."""
        self.has_more = False
        """Whether there is more in what has come: then `receive` goes on with it, given nothing."""
        self._max_message_bytes = max_message_bytes
        self._takes_deflated = takes_deflated
        self._most_short_bytes = min(MAX_CONTROL_BYTES, max_message_bytes)
        self._short_texts = _SHORT_TEXTS[takes_deflated]
        self._inflated = 0  # bytes that this `receive` has inflated
        self._inflater: Inflater | None = None  # of the message that has begun, if it is deflated
        self._buffer = bytearray()
        self._in_fragments = False
        self._fragments_bytes = self._empty_fragments = 0
        self._skip = 0  # payload bytes still to be thrown away
        self._closing = False
        self._surrendered = False  # the library has been given something it must refuse

    def begin_closing(self) -> None:
        """From now on only close frames come out: the rest is read and thrown away.

        The library cannot answer a ping while it is closing, and nobody wants the messages.
        """
        self._closing = True

    def receive(self, data: bytes) -> Sequence[Item]:
        """Take what came from the socket, split anywhere, and return what it completes.

        What is compressed may be left for later, see `has_more`, when it has become large.
        """
        if self._surrendered:
            return () if self._closing else (PassOn(data, 0),)
        text = self.one_text(data)
        if text is not None:
            return [text]
        items: list[Item] = []
        self._inflated = 0
        if self._buffer:
            # A bytearray grows in place: a large frame in many pieces is not copied at each.
            self._buffer += data
            del self._buffer[: self._scan(self._buffer, items)]
        else:
            position = self._scan(data, items)
            if position < len(data):
                self._buffer += data[position:]
        return items

    def one_text(self, data: bytes) -> str | None:
        """Take one whole, short text message and nothing else: the usual packet of a chat.

        Browsers deflate whatever they send, where it has been agreed.

        Returns:
            The text, of 256 bytes at most; None, with nothing taken, if that is not all that has
            come.
        """
        size = len(data) - _SHORTEST_HEAD
        if (
            not 0 <= size <= self._most_short_bytes
            or data[0] not in self._short_texts
            or data[1] != MASKED | size
            or (self._buffer or self._in_fragments or self._skip)
            or (self._closing or self._surrendered)
        ):
            return None
        try:
            # As `unmask`, in half the time.
            mask = int.from_bytes(data[2:_SHORTEST_HEAD], "little") * _ONES
            mixed = int.from_bytes(data[_SHORTEST_HEAD:], "little") ^ mask
            payload = mixed.to_bytes(4 * _WORDS, "little")[:size]
            if data[0] == _FINAL_DEFLATED_TEXT:
                limit = min(_MAX_INFLATED_AT_ONCE, self._max_message_bytes)
                payload = Inflater(limit).inflate(payload, last=True)
            text = payload.decode()
        except (UnicodeDecodeError, Disconnect):
            return None
        self.frames += 1
        return text

    def _scan(self, data: bytes | bytearray, items: list[Item]) -> int:
        """Append the items in the data, and return where what is left of it begins."""
        self.has_more = False
        position = 0
        end = len(data)
        while True:
            if self._skip:
                skipped = min(self._skip, end - position)
                self._skip -= skipped
                position += skipped
            if end < position + 2:
                return position
            if self._is_malformed(data[position], data[position + 1]):
                self._surrender(data[position:], items)
                return end
            head = _read_head(data, position, end)
            if head is None:
                return position
            start, size = head
            if not _is_shortest_form(size, start - position):
                self._surrender(data[position:], items)
                return end
            if not self._may_come(data[position] & OPCODE, size):
                self._refuse(data[position], items)
                self._skip = size
                position = start
                continue
            stop = start + size
            if end < stop:
                return position
            self.frames += 1
            self._take(data, position, start, stop, items)
            position = stop
            if self._inflated >= _ENOUGH_INFLATED and position < end:
                self.has_more = True
                return position

    def _surrender(self, rest: bytes | bytearray, items: list[Item]) -> None:
        """The library is to judge, and to end the connection."""
        self._surrendered = True
        if not self._closing:
            items.append(PassOn(bytes(rest), 0))

    def _refuse(self, first: int, items: list[Item]) -> None:
        """A message is too big: refused from the head of a frame, whose payload is skipped."""
        self.frames += 1
        self._note_fragment(first, 0)
        if not self._closing:
            items.append(Disconnect(CloseCode.TOO_BIG))
        self._closing = True

    def _is_malformed(self, first: int, second: int) -> bool:
        """Whether the library will refuse a frame that begins like this."""
        opcode = first & OPCODE
        if not second & MASKED or opcode not in _OPCODES:
            return True
        if first & RESERVED and not (self._takes_deflated and first & ~FIN in _BEGIN_DEFLATED):
            return True
        if opcode >= CLOSE:
            return not first & FIN or second & ~MASKED > MAX_CONTROL_BYTES
        return (opcode == CONTINUATION) is not self._in_fragments

    def _may_come(self, opcode: int, size: int) -> bool:
        """Whether a frame of this size is within the limit of its message."""
        if opcode >= CLOSE:
            return True
        # Each empty fragment leaves something behind in the library, so there is a bound for them
        # too: as many as there may be bytes.
        return (
            self._fragments_bytes + size <= self._max_message_bytes
            and self._empty_fragments <= self._max_message_bytes
        )

    def _take(
        self, data: bytes | bytearray, begin: int, start: int, stop: int, items: list[Item]
    ) -> None:
        """Turn one whole frame into an item."""
        first = data[begin]
        opcode = first & OPCODE
        if self._closing:
            if opcode < CLOSE:
                self._note_fragment(first, 0)
            elif opcode == CLOSE:
                items.append(PassOn(bytes(data[begin:stop]), 0))
        elif first == _FINAL_TEXT:
            items.append(self._text(unmask(data[start:stop], data[start - 4 : start])))
        elif opcode < CLOSE:
            items.append(self._part(data, begin, start, stop))
        elif opcode != PONG:  # all the library would do with one is ignore it, and slowly
            items.append(PassOn(bytes(data[begin:stop]), 0))

    def _part(self, data: bytes | bytearray, begin: int, start: int, stop: int) -> Item:
        """A frame of a message that is fragmented, binary or deflated."""
        first = data[begin]
        self._note_fragment(first, stop - start)
        messages = 0 if self._in_fragments else 1
        if first & DEFLATED:
            self._inflater = Inflater(self._max_message_bytes)
        if self._inflater is None:
            return PassOn(bytes(data[begin:stop]), messages)
        payload = unmask(data[start:stop], data[start - 4 : start])
        try:
            inflated = self._inflater.inflate(payload, last=bool(messages))
        except Disconnect as disconnect:
            self._closing = True
            # Neither what has not been inflated is to be held, nor the frames of a traceback.
            self._inflater = None
            return Disconnect(disconnect.code, disconnect.reason)
        self._inflated += len(inflated)
        if messages:
            self._inflater = None
        if first == _FINAL_DEFLATED_TEXT:
            return self._text(inflated)
        return PassOn(client_frame(first & ~DEFLATED, inflated), messages)

    def _text(self, payload: bytes) -> str | Disconnect:
        try:
            return payload.decode()
        except UnicodeDecodeError:
            self._closing = True
            return Disconnect(CloseCode.INVALID_PAYLOAD)

    def _note_fragment(self, first: int, size: int) -> None:
        if first & FIN:
            self._in_fragments = False
            self._fragments_bytes = self._empty_fragments = 0
        else:
            self._in_fragments = True
            self._fragments_bytes += size
            self._empty_fragments += not size

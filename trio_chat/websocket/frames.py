"""Finds the frames in the bytes of one client (RFC 6455 section 5). Sans-IO: bytes in, items out.

`trio_chat.websocket.connection` calls the `FrameScanner`, and passes the texts to
`trio_chat.websocket.chat`. The scanner takes a short path for whole, unfragmented text messages.
Everything else goes to trio-websocket, which decides what is well-formed, after the scanner has
undone compression (RFC 7692). Every limit applies to the header of a frame, before its payload is
buffered, and again while a payload is inflated.
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
    DEFLATED,
    FIN,
    MAX_CONTROL_BYTES,
    MAX_SHORT,
    SHORT,
    TEXT,
    server_frame,
)

_RESERVED, _OPCODE, _MASKED = 0x70, 0x0F, 0x80
_CONTINUATION, _PING, _PONG = 0x0, 0x9, 0xA

_FINAL_TEXT: Final = FIN | TEXT
_FINAL_DEFLATED_TEXT: Final = FIN | DEFLATED | TEXT
_BEGIN_DEFLATED: Final = frozenset({DEFLATED | TEXT, DEFLATED | BINARY})
"""The first byte of a deflated message; its later frames do not have the bit."""
_OPCODES: Final = frozenset({_CONTINUATION, TEXT, BINARY, CLOSE, _PING, _PONG})

_MAX_INFLATED_AT_ONCE: Final = 256  # 64 of those fit into one turn of the hub
# For one `receive`. 16 KiB may hold 190 messages that inflate to 64 KiB each, which takes 34 ms and
# 12 MB.
_ENOUGH_INFLATED: Final = 64 * 1024
_SHORTEST_HEAD: Final = 6  # two bytes, and four of masking key

_WORDS: Final = MAX_CONTROL_BYTES // 4 + 1
_ONES: Final = int.from_bytes(b"\1\0\0\0" * _WORDS, "little")
"""Multiplied with a masking key, this covers the longest short payload."""


def close_frame(code: CloseCode, reason: str = "") -> bytes:
    """Return a close frame; its reason is cut to 123 bytes, at a whole character."""
    text = (reason or MEANING[code]).encode()[: MAX_CONTROL_BYTES - 2]
    return server_frame(CLOSE, struct.pack("!H", code) + text.decode(errors="ignore").encode())


PING_FRAME: Final = server_frame(_PING, b"")


def client_frame(first: int, payload: bytes) -> bytes:
    """Return a client's frame for trio-websocket, with this first byte and a mask of zeros."""
    frame = server_frame(0, payload)
    head_bytes = len(frame) - len(payload)
    return bytes((first, _MASKED | frame[1])) + frame[2:head_bytes] + bytes(4) + payload


def unmask(payload: bytes | bytearray, key: bytes | bytearray) -> bytes:
    """Return the unmasked payload of a client's frame (RFC 6455 section 5.3)."""
    size = len(payload)
    mask = (bytes(key) * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return mixed.to_bytes(size, "little")


@frozen
class PassOn:
    """Bytes for trio-websocket: a whole frame, or invalid bytes for it to refuse.

    Attributes:
        messages: The number of data messages that end here; trio-websocket returns each.
    """

    data: bytes
    messages: int = 0

    @property
    def is_close(self) -> bool:
        """Whether this is a close frame."""
        return self.data[0] == FIN | CLOSE


Item = str | PassOn | Disconnect
"""A text message, bytes for trio-websocket, or the end of the connection."""


def _read_head(data: bytes | bytearray, position: int, end: int) -> tuple[int, int] | None:
    """Return where the payload of a frame begins, and its size; None for an incomplete header."""
    size = data[position + 1] & ~_MASKED
    start = position + _SHORTEST_HEAD
    if size >= SHORT:
        extension = 2 if size == SHORT else 8
        start += extension
        size = int.from_bytes(data[position + 2 : position + 2 + extension], "big")
    return None if end < start else (start, size)


def _is_shortest_form(size: int, head_bytes: int) -> bool:
    """Whether a length has its shortest form, and is below 2^63."""
    extension = 0 if size <= MAX_CONTROL_BYTES else 2 if size <= MAX_SHORT else 8
    return head_bytes == _SHORTEST_HEAD + extension and not size >> 63


class FrameScanner:
    """Finds the frames in the bytes of one client, in order.

    Args:
        max_message_bytes: The maximum payload of one message, with all its fragments, before and
            after inflating.
        takes_deflated: Whether the connection uses permessage-deflate.

    Attributes:
        frames: The number of frames so far, of any kind; a refused one counts with its header.
        has_more: Whether received bytes are left: call ``receive(b"")`` for them.
    """

    def __init__(self, max_message_bytes: int, *, takes_deflated: bool = False) -> None:
        self.frames = 0
        self.has_more = False
        self._max_message_bytes = max_message_bytes
        self._takes_deflated = takes_deflated
        self._most_short_bytes = min(MAX_CONTROL_BYTES, max_message_bytes)
        # Browsers that have agreed on compression deflate every message.
        deflated = (_FINAL_DEFLATED_TEXT,) if takes_deflated else ()
        self._short_texts = (_FINAL_TEXT, *deflated)
        self._inflated = 0  # the bytes inflated in this `receive`
        self._inflater: Inflater | None = None  # for a deflated message that has begun
        self._buffer = bytearray()
        self._in_fragments = False
        self._fragments_bytes = self._empty_fragments = 0
        self._skip = 0  # payload bytes to discard
        self._closing = False
        self._surrendered = False  # trio-websocket must refuse the bytes

    def begin_closing(self) -> None:
        """Return only close frames from now on, and discard the rest.

        trio-websocket cannot answer a ping while it is closing.
        """
        self._closing = True

    def receive(self, data: bytes) -> Sequence[Item]:
        """Return the items that these bytes complete; the bytes may be split anywhere.

        Large compressed data may be left for the next call: see `has_more`.
        """
        if self._surrendered:
            return () if self._closing else (PassOn(data),)
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
        """Return the text if the bytes are one whole, short text message: the usual packet.

        The text has at most 256 bytes. For any other bytes this returns None and changes nothing.
        """
        size = len(data) - _SHORTEST_HEAD
        if (
            not 0 <= size <= self._most_short_bytes
            or data[0] not in self._short_texts
            or data[1] != _MASKED | size
            or (self._buffer or self._in_fragments or self._skip)
            or (self._closing or self._surrendered)
        ):
            return None
        try:
            # Like `unmask`, in half the time.
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
        """Append the items in the data, and return where the rest begins."""
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
            if not self._may_come(data[position] & _OPCODE, size):
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
        """Pass everything to trio-websocket, which refuses it and ends the connection."""
        self._surrendered = True
        if not self._closing:
            items.append(PassOn(bytes(rest)))

    def _refuse(self, first: int, items: list[Item]) -> None:
        """Refuse a message that is too big, by the header of a frame; skip the payload."""
        self.frames += 1
        self._note_fragment(first, 0)
        if not self._closing:
            items.append(Disconnect(CloseCode.TOO_BIG))
        self._closing = True

    def _is_malformed(self, first: int, second: int) -> bool:
        """Whether trio-websocket refuses a frame with these first bytes."""
        opcode = first & _OPCODE
        if not second & _MASKED or opcode not in _OPCODES:
            return True
        if first & _RESERVED and not (self._takes_deflated and first & ~FIN in _BEGIN_DEFLATED):
            return True
        if opcode >= CLOSE:
            return not first & FIN or second & ~_MASKED > MAX_CONTROL_BYTES
        return (opcode == _CONTINUATION) is not self._in_fragments

    def _may_come(self, opcode: int, size: int) -> bool:
        """Whether a frame of this size keeps its message within the limit."""
        # Each empty fragment takes memory in trio-websocket, so their number is bounded too.
        return opcode >= CLOSE or (
            self._fragments_bytes + size <= self._max_message_bytes
            and self._empty_fragments <= self._max_message_bytes
        )

    def _take(
        self, data: bytes | bytearray, begin: int, start: int, stop: int, items: list[Item]
    ) -> None:
        """Append the item for one whole frame."""
        first = data[begin]
        opcode = first & _OPCODE
        if self._closing:
            if opcode < CLOSE:
                self._note_fragment(first, 0)
            elif opcode == CLOSE:
                items.append(PassOn(bytes(data[begin:stop])))
        elif first == _FINAL_TEXT:
            items.append(self._text(unmask(data[start:stop], data[start - 4 : start])))
        elif opcode < CLOSE:
            items.append(self._part(data, begin, start, stop))
        elif opcode != _PONG:  # trio-websocket would only ignore it, slowly
            items.append(PassOn(bytes(data[begin:stop])))

    def _part(self, data: bytes | bytearray, begin: int, start: int, stop: int) -> Item:
        """Return the item for a frame of a fragmented, binary or deflated message."""
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
            # Hold neither the data left to inflate, nor a traceback.
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

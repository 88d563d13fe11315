"""Frames messages for the wire: once for each `Encoding`, however many clients receive them.

`trio_chat.hub.deliver` asks `Outgoing` for the frames; `trio_chat.websocket.outbox` sends them. A
server's frames are not masked (RFC 6455 section 5), so the same bytes suit every client.
"""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Final, cast

from attrs import frozen
from orjson import dumps

from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES, deflate
from trio_chat.protocol.encode import FIELDS, encode
from trio_chat.protocol.messages import ServerMessage

FIN: Final = 0x80
RESERVED: Final = 0x70
DEFLATED: Final = 0x40  # the reserved bit that RFC 7692 section 6 uses
OPCODE: Final = 0x0F
MASKED: Final = 0x80

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

MAX_CONTROL_BYTES: Final = 125
"""The maximum payload of a control frame, and of a frame without an extended length."""

SHORT: Final = 126  # the length is in the next 2 bytes
LONG: Final = 127  # the length is in the next 8 bytes
MAX_SHORT: Final = 0xFFFF

_pack_head: Final = struct.Struct("!BB").pack
_pack_short_head: Final = struct.Struct("!BBH").pack


def server_frame(opcode: int, payload: bytes) -> bytes:
    """Return one final, unmasked frame; the opcode may include `DEFLATED`."""
    size = len(payload)
    if size <= MAX_CONTROL_BYTES:
        return _pack_head(FIN | opcode, size) + payload
    if size <= MAX_SHORT:
        return _pack_short_head(FIN | opcode, SHORT, size) + payload
    return struct.pack("!BBQ", FIN | opcode, LONG, size) + payload


text_frame: Final = partial(server_frame, TEXT)
"""Returns one text message with this payload, which is UTF-8."""


class Encoding(IntEnum):
    """How a connection receives messages: the version of the protocol, and compression.

    The handshake decides on compression, the first message on the version. Compression applies to
    messages that it makes shorter.
    """

    PLAIN = 0
    DEFLATED = 1
    VERSION_2 = 2
    VERSION_2_DEFLATED = 3

    @property
    def in_version_2(self) -> "Encoding":
        """The encoding of version 2 with the same compression."""
        return _IN_VERSION_2[self]

    @property
    def is_version_2(self) -> bool:
        """Whether this is version 2."""
        return self is _IN_VERSION_2[self]

    @property
    def is_deflated(self) -> bool:
        """Whether messages are compressed."""
        return self is Encoding.DEFLATED or self is Encoding.VERSION_2_DEFLATED


_IN_VERSION_2: Final = {
    Encoding.PLAIN: Encoding.VERSION_2,
    Encoding.DEFLATED: Encoding.VERSION_2_DEFLATED,
    Encoding.VERSION_2: Encoding.VERSION_2,
    Encoding.VERSION_2_DEFLATED: Encoding.VERSION_2_DEFLATED,
}

_IN_VERSION_1: Final = {
    Encoding.VERSION_2: Encoding.PLAIN,
    Encoding.VERSION_2_DEFLATED: Encoding.DEFLATED,
}


@frozen
class PerVersion:
    """Different messages for plain connections and for version 2; None sends nothing."""

    plain: ServerMessage | None
    version_2: ServerMessage | None


def message_frame(encoding: Encoding, opcode: int, payload: bytes) -> bytes:
    """Return one message, text or binary, as a frame in this encoding."""
    if encoding.is_deflated and len(payload) >= MIN_DEFLATED_BYTES:
        deflated = deflate(payload)
        if len(deflated) < len(payload):
            return server_frame(DEFLATED | opcode, deflated)
    return server_frame(opcode, payload)


_TEXT_FRAMES: Final[dict[Encoding, Callable[[bytes], bytes]]] = {
    Encoding.PLAIN: partial(server_frame, TEXT),
    Encoding.DEFLATED: partial(message_frame, Encoding.DEFLATED, TEXT),
    Encoding.VERSION_2: partial(server_frame, TEXT),
    Encoding.VERSION_2_DEFLATED: partial(message_frame, Encoding.DEFLATED, TEXT),
}


class Outgoing:
    """Messages for any number of connections, framed once for each encoding, on demand.

    Args:
        said: The messages, in order. Only a `PerVersion` differs between the versions. All others
            are encoded once for both; without any `PerVersion`, they are also framed once.
    """

    __slots__ = ("_frames", "_is_split", "_payloads", "said")

    def __init__(self, said: Sequence[ServerMessage | PerVersion]) -> None:
        self.said = said
        self._is_split = PerVersion in map(type, said)
        self._payloads: list[bytes] | None = None
        """The JSON of all messages but `PerVersion`."""
        self._frames: dict[Encoding, list[bytes]] = {}

    def frames(self, encoding: Encoding) -> Sequence[bytes]:
        """Return the frames of the messages in this encoding; possibly none."""
        if not self._is_split:
            encoding = _IN_VERSION_1.get(encoding, encoding)
        frames = self._frames.get(encoding)
        if frames is None:
            payloads: Sequence[bytes] | None = self._payloads
            if self._is_split:  # hardly ever
                payloads = self._in_version(is_2=encoding.is_version_2)
            elif payloads is None:
                said = cast("Sequence[ServerMessage]", self.said)
                payloads = self._payloads = [dumps(FIELDS[type(one)](one)) for one in said]
            frames = self._frames[encoding] = list(map(_TEXT_FRAMES[encoding], payloads))
        return frames

    def _in_version(self, *, is_2: bool) -> Sequence[bytes]:
        alike = iter(self._alike())
        payloads: list[bytes] = []
        for said in self.said:
            if not isinstance(said, PerVersion):
                payloads.append(next(alike))
                continue
            frame = said.version_2 if is_2 else said.plain
            if frame is not None:
                payloads.append(encode(frame))
        return payloads

    def _alike(self) -> Sequence[bytes]:
        if self._payloads is None:
            self._payloads = [encode(one) for one in self.said if not isinstance(one, PerVersion)]
        return self._payloads

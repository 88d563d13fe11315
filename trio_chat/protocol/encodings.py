"""Frames messages for the wire: once for each `Encoding`, however many clients receive them.

`trio_chat.hub.deliver` asks `Outgoing` for the frames; `trio_chat.websocket.outbox` sends them. A
server's frames are not masked (RFC 6455 section 5), so the same bytes suit every client.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from functools import partial
from typing import Final

from attrs import frozen
from orjson import dumps

from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES, deflate
from trio_chat.protocol.encode import FIELDS, encode
from trio_chat.protocol.messages import ServerMessage

FIN: Final = 0x80
DEFLATED: Final = 0x40  # the reserved bit that RFC 7692 section 6 uses

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8

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
    """How a connection receives messages: one bit for the version, and one for compression.

    The handshake decides on compression, the first message on the version.
    """

    PLAIN = 0b00
    DEFLATED = 0b01
    VERSION_2 = 0b10
    VERSION_2_DEFLATED = 0b11

    @property
    def in_version_2(self) -> "Encoding":
        """The encoding of version 2 with the same compression."""
        return Encoding(self | 0b10)

    @property
    def is_version_2(self) -> bool:
        """Whether this is version 2."""
        return self > 1

    @property
    def is_deflated(self) -> bool:
        """Whether messages are compressed."""
        return self & 1 == 1


def message_frame(encoding: Encoding, opcode: int, payload: bytes) -> bytes:
    """Return one message as a frame in this encoding, compressed if that makes it shorter."""
    if encoding & 1 and len(payload) >= MIN_DEFLATED_BYTES:
        deflated = deflate(payload)
        if len(deflated) < len(payload):
            return server_frame(DEFLATED | opcode, deflated)
    return server_frame(opcode, payload)


# Without and with compression.
_TEXT_FRAMES: Final = (text_frame, partial(message_frame, Encoding.DEFLATED, TEXT))


@frozen
class PerVersion:
    """Different messages for plain connections and for version 2; None sends nothing."""

    plain: ServerMessage | None
    version_2: ServerMessage | None


class Outgoing:
    """Messages for any number of connections, framed once for each encoding, on demand.

    Args:
        messages: In order. Only a `PerVersion` differs between the versions. All others are encoded
            once for both; without any `PerVersion`, they are also framed once.
    """

    __slots__ = ("_differs", "_frames", "_payloads", "messages")

    def __init__(self, messages: Sequence[ServerMessage | PerVersion]) -> None:
        self.messages = messages
        self._differs = PerVersion in map(type, messages)
        # The JSON of each message; empty for a `PerVersion`.
        self._payloads: list[bytes] | None = None
        self._frames: dict[int, list[bytes]] = {}

    def frames(self, encoding: int) -> Sequence[bytes]:
        """Return the frames of the messages in this `Encoding`; possibly none."""
        if not self._differs:
            encoding &= 1
        frames = self._frames.get(encoding)
        if frames is None:
            payloads = self._payloads
            if self._differs:  # hardly ever
                payloads = self._in_version(is_2=encoding > 1)
            elif payloads is None:
                payloads = self._payloads = [dumps(FIELDS[type(one)](one)) for one in self.messages]
            frames = self._frames[encoding] = list(map(_TEXT_FRAMES[encoding & 1], payloads))
        return frames

    def _in_version(self, *, is_2: bool) -> list[bytes]:
        if self._payloads is None:
            self._payloads = [
                b"" if isinstance(one, PerVersion) else encode(one) for one in self.messages
            ]
        payloads: list[bytes] = []
        for one, shared in zip(self.messages, self._payloads, strict=True):
            if not isinstance(one, PerVersion):
                payloads.append(shared)
            elif message := one.version_2 if is_2 else one.plain:
                payloads.append(encode(message))
        return payloads
